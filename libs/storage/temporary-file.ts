/** Uploads of requests: on disk, so that they are never whole in memory. */
import { createHash, randomUUID } from 'node:crypto';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { FileSource } from '#libs/contracts/file-source.ts';

export type TemporaryFile = FileSource & {
  /** In hexadecimal digits. */
  readonly sha256: string;
  /** Deletes it. A file that is being read fails its reader. */
  readonly close: () => Promise<void>;
};

export class FileTooLargeError extends Error {
  override readonly name = 'FileTooLargeError';
}

const CHUNK_BYTES = 256 * 1024;

/**
 * Writes a stream to a file that has no name: it disappears when it is closed or the process ends, even by a crash.
 *
 * @throws what the stream throws, and FileTooLargeError for more than `maxBytes`. The rest of the stream is not read then.
 */
export async function receiveFile(
  stream: AsyncIterable<Uint8Array>,
  maxBytes: number,
): Promise<TemporaryFile> {
  const handle = await openUnnamed();
  try {
    const hash = createHash('sha256');
    let size = 0;
    for await (const chunk of stream) {
      size += chunk.length;
      if (size > maxBytes) throw new FileTooLargeError(`The file has more than ${maxBytes} bytes.`);
      hash.update(chunk);
      await handle.writeFile(chunk);
    }
    const total = size;
    return {
      size: total,
      sha256: hash.digest('hex'),
      read: () => readFrom(handle, total),
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function openUnnamed(): Promise<FileHandle> {
  const name = path.join(tmpdir(), `inkmeter-upload-${randomUUID()}`);
  const handle = await open(name, 'wx+', 0o600);
  await unlink(name);
  return handle;
}

async function* readFrom(handle: FileHandle, size: number): AsyncGenerator<Uint8Array> {
  for (let position = 0; position < size; ) {
    const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, size - position));
    const { bytesRead } = await handle.read(chunk, 0, chunk.length, position);
    if (bytesRead === 0) throw new Error('The file has been truncated.');
    position += bytesRead;
    yield chunk.subarray(0, bytesRead);
  }
}

/** The bytes of a file, in memory that another thread can take over. */
export async function readWhole(file: FileSource): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(file.size);
  let position = 0;
  for await (const chunk of file.read()) {
    bytes.set(chunk, position);
    position += chunk.length;
  }
  return bytes;
}
