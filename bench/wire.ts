/**
 * Just enough HTTP/1.1 to drive and to stand in for servers at little cost of its own: messages one after the other on
 * a kept connection, with a length, in chunks, or without a body. Anything else throws, and so fails the run.
 */

export type MessageHandler = {
  /** The first line and the headers, without the empty line. */
  onHead: (head: string) => void;
  onBody: (part: Buffer) => void;
  onEnd: () => void;
};

const HEAD_END = '\r\n\r\n';
const LENGTH = /\r\ncontent-length: *(\d+)/i;
const CHUNKED = /\r\ntransfer-encoding: *chunked/i;
const LF = 0x0a;

/** @returns a function that takes what arrives on one connection, however it is cut. */
export function createMessageReader({ onHead, onBody, onEnd }: MessageHandler): (data: Buffer) => void {
  let state: 'head' | 'length' | 'size' | 'chunk' | 'chunkEnd' | 'trailer' = 'head';
  let carried: Buffer | null = null;
  let left = 0;
  let line = '';

  /** @returns where the head ends in `data`, or -1 to wait for more. */
  function readHead(data: Buffer, at: number): number {
    const end = data.indexOf(HEAD_END, at);
    if (end === -1) {
      carried = data.subarray(at);
      return -1;
    }
    const head = data.toString('latin1', at, end);
    onHead(head);
    const length = LENGTH.exec(head);
    if (length !== null) {
      left = Number(length[1]);
      state = 'length';
    } else if (CHUNKED.test(head)) {
      state = 'size';
    } else if (head.startsWith('HTTP/')) {
      throw new Error(`An answer without length: ${head}`);
    } else {
      left = 0;
      state = 'length';
    }
    if (state === 'length' && left === 0) finish();
    return end + HEAD_END.length;
  }

  function finish(): void {
    state = 'head';
    onEnd();
  }

  /** Reads up to the end of a line, which the next piece may bring. */
  function readLine(data: Buffer, at: number): { next: number; text: string | null } {
    const end = data.indexOf(LF, at);
    if (end === -1) {
      line += data.toString('latin1', at);
      return { next: data.length, text: null };
    }
    const text = (line + data.toString('latin1', at, end)).trimEnd();
    line = '';
    return { next: end + 1, text };
  }

  function readBody(data: Buffer, at: number): number {
    const part = data.length - at <= left ? data.subarray(at) : data.subarray(at, at + left);
    left -= part.length;
    onBody(part);
    if (left === 0) {
      if (state === 'length') finish();
      else state = 'chunkEnd';
    }
    return at + part.length;
  }

  function readFraming(data: Buffer, at: number): number {
    const { next, text } = readLine(data, at);
    if (text === null) return next;
    if (state === 'chunkEnd') state = 'size';
    else if (state === 'trailer') {
      if (text === '') finish();
    } else {
      left = Number.parseInt(text, 16);
      if (Number.isNaN(left)) throw new Error(`Not the size of a chunk: ${text}`);
      state = left === 0 ? 'trailer' : 'chunk';
    }
    return next;
  }

  return (arrived) => {
    const data: Buffer = carried === null ? arrived : Buffer.concat([carried, arrived]);
    carried = null;
    for (let at = 0; at !== -1 && at < data.length; ) {
      if (state === 'head') at = readHead(data, at);
      else if (state === 'length' || state === 'chunk') at = readBody(data, at);
      else at = readFraming(data, at);
    }
  };
}
