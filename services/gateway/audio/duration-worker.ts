/** Reads the duration of one recording in a thread: some files are read frame by frame. */
import { parentPort, workerData } from 'node:worker_threads';
import { parseBuffer } from 'music-metadata';

const { bytes, type } = workerData as { bytes: Uint8Array; type: string };

const { format } = await parseBuffer(bytes, { mimeType: type }, { duration: true, skipCovers: true });
parentPort?.postMessage(format.duration ?? null);
