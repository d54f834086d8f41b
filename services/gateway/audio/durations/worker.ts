/** Counts the seconds of one recording in a thread: a long one takes a while. */
import { parentPort, workerData } from 'node:worker_threads';
import { countSeconds } from './count-seconds.ts';

const { bytes, type } = workerData as { bytes: Uint8Array<ArrayBuffer>; type: string };

parentPort?.postMessage(countSeconds(Buffer.from(bytes.buffer), type));
