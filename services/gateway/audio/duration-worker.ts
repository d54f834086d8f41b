/** Reads the duration of one recording in a thread: some files are read frame by frame. */
import { parentPort, workerData } from 'node:worker_threads';
import { parseBuffer } from 'music-metadata';
import { mp3Seconds } from '#libs/pipelines/mp3.ts';

const { bytes, type } = workerData as { bytes: Uint8Array; type: string };

parentPort?.postMessage(
  type === 'audio/mpeg' ? mp3Seconds(Buffer.from(bytes.buffer)) : await statedSeconds(),
);

async function statedSeconds(): Promise<number | null> {
  const { format } = await parseBuffer(bytes, { mimeType: type }, { duration: true, skipCovers: true });
  return format.duration ?? null;
}
