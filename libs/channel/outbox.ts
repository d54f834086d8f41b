import type { Socket } from 'node:net';

/** Frames above this go out as they are; copying them would cost more than what it saves. */
const COPIED_BYTES = 65_536;

export type Outbox = (...parts: Buffer[]) => void;

/**
 * Sends what one callback of the event loop hands in with one write. A write costs more than everything else about a
 * short message, on both sides. Once the socket takes nothing more, neither does this.
 */
export function createOutbox(socket: Socket): Outbox {
  let waiting: Buffer[] = [];
  let bytes = 0;

  const flush = () => {
    const parts = waiting;
    const isShort = bytes <= COPIED_BYTES;
    waiting = [];
    bytes = 0;
    if (!socket.writable) return;
    if (isShort) {
      socket.write(parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts));
      return;
    }
    socket.cork();
    for (const part of parts) socket.write(part);
    socket.uncork();
  };

  return (...parts) => {
    if (waiting.length === 0) process.nextTick(flush);
    for (const part of parts) {
      waiting.push(part);
      bytes += part.length;
    }
  };
}
