/** Reads a YAML file as JSON in a thread of its own, because parsing a large document takes seconds. */
import { readFileSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { parse } from 'yaml';

parentPort?.postMessage(JSON.stringify(parse(readFileSync(String(workerData), 'utf8'))));
