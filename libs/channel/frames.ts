/**
 * Frames of a channel: a length of four bytes, the exchange's number of four, a type of one, and the payload. Numbers
 * are big-endian. A payload that has a head begins with its length, four bytes, and its JSON.
 */

/** Who sends it is said in brackets. An exchange begins with `request` and ends with `answer`, `end` or `cancel`. */
export const FRAME = {
  /** [client] head and body of a request, whole. */
  request: 1,
  /** [server] head and body of an answer, whole. */
  answer: 2,
  /** [server] head of an answer whose body follows. */
  head: 3,
  /** [server] a piece of a body. */
  data: 4,
  /** [server] the body is complete. */
  end: 5,
  /** [both] whoever gets it need do nothing more: the client has gone, or the answer cannot be completed. */
  cancel: 6,
  /** [client] how many bytes of the body have been passed on since the last one of these. */
  credit: 7,
  /** [server] begin no more exchanges here; those that have begun go on. */
  leave: 8,
  /** [both] sent by the client and back, so that both know of each other. */
  ping: 9,
} as const;

export type FrameType = (typeof FRAME)[keyof typeof FRAME];

export type OnFrame = (type: FrameType, exchange: number, payload: Buffer) => void;

const PREFIX_BYTES = 9;
const LENGTH_BYTES = 4;

/** The other side does not speak as it should, so nothing it says can be relied on. */
export class FrameError extends Error {
  override readonly name = 'FrameError';
}

export function encodeFrame(type: FrameType, exchange: number, payload?: Buffer): Buffer {
  const length = payload?.length ?? 0;
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + length);
  writePrefix(frame, type, exchange, length);
  payload?.copy(frame, PREFIX_BYTES);
  return frame;
}

/** A frame with a head, up to its body, which follows as it is. */
export function encodeHead(type: FrameType, exchange: number, head: object, bodyLength = 0): Buffer {
  const json = JSON.stringify(head);
  const headLength = Buffer.byteLength(json);
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + LENGTH_BYTES + headLength);
  writePrefix(frame, type, exchange, LENGTH_BYTES + headLength + bodyLength);
  frame.writeUInt32BE(headLength, PREFIX_BYTES);
  frame.write(json, PREFIX_BYTES + LENGTH_BYTES);
  return frame;
}

function writePrefix(frame: Buffer, type: FrameType, exchange: number, length: number): void {
  frame.writeUInt32BE(length, 0);
  frame.writeUInt32BE(exchange, 4);
  frame[8] = type;
}

export function encodeCredit(exchange: number, bytes: number): Buffer {
  const payload = Buffer.allocUnsafe(4);
  payload.writeUInt32BE(bytes);
  return encodeFrame(FRAME.credit, exchange, payload);
}

export function decodeCredit(payload: Buffer): number {
  if (payload.length !== 4) throw new FrameError('a credit is four bytes');
  return payload.readUInt32BE();
}

/** @throws FrameError for a head that ends beyond the frame, or is not JSON. */
export function decodeHead<Head>(payload: Buffer): { head: Head; body: Buffer } {
  if (payload.length < LENGTH_BYTES) throw new FrameError('a frame without its head');
  const bodyAt = LENGTH_BYTES + payload.readUInt32BE();
  if (bodyAt > payload.length) throw new FrameError('a head that ends beyond its frame');
  return {
    head: parseHead<Head>(payload.toString('utf8', LENGTH_BYTES, bodyAt)),
    body: payload.subarray(bodyAt),
  };
}

function parseHead<Head>(json: string): Head {
  try {
    return JSON.parse(json) as Head;
  } catch (cause) {
    throw new FrameError('a head that is not JSON', { cause });
  }
}

/**
 * Cuts what arrives into frames, however it was divided on the way. Payloads are views of what arrived. A frame that
 * comes in many pieces is put together once.
 *
 * @throws FrameError for a payload above `maxPayloadBytes`, before it is waited for.
 */
export function createFrameReader(maxPayloadBytes: number, onFrame: OnFrame): (chunk: Buffer) => void {
  let pieces: Buffer[] = [];
  let bytes = 0;
  let needed = PREFIX_BYTES;
  return (chunk) => {
    pieces.push(chunk);
    bytes += chunk.length;
    if (bytes < needed) return;
    const buffer = pieces.length === 1 ? chunk : Buffer.concat(pieces, bytes);
    let at = 0;
    needed = PREFIX_BYTES;
    while (buffer.length - at >= PREFIX_BYTES) {
      const length = buffer.readUInt32BE(at);
      if (length > maxPayloadBytes) throw new FrameError(`a frame of ${length} bytes`);
      const end = at + PREFIX_BYTES + length;
      if (end > buffer.length) {
        needed = end - at;
        break;
      }
      onFrame(
        buffer[at + 8] as FrameType,
        buffer.readUInt32BE(at + 4),
        buffer.subarray(at + PREFIX_BYTES, end),
      );
      at = end;
    }
    bytes = buffer.length - at;
    // of the last chunk where that will do, so that what was put together can go
    if (bytes === 0) pieces = [];
    else pieces = [bytes <= chunk.length ? chunk.subarray(chunk.length - bytes) : buffer];
  };
}
