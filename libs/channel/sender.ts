import { encodeFrame, encodeHead, FRAME } from './frames.ts';
import type { Outbox } from './outbox.ts';

/** Bytes of one answer that may be on the way, or wait for a slow reader on the other side. */
export const WINDOW_BYTES = 65_536;

/**
 * One answer on its way out. Once its client has gone, everything is accepted and nothing is sent.
 *
 * Either `whole`, or `begin`, any number of `write`, and `end`. What is handed over must not be changed afterwards.
 */
export type Sender<Head> = {
  readonly whole: (head: Head, body: Buffer) => void;
  readonly begin: (head: Head) => void;
  /** The promise, if there is one, resolves when there is room for more. */
  readonly write: (bytes: Buffer) => Promise<void> | undefined;
  readonly end: () => void;
  /** Says that the answer cannot be completed. */
  readonly cancel: () => void;
  /** What it was begun with. */
  readonly head: () => Head | undefined;
  /** It was given to its end; some of it may still wait for room. */
  readonly hasEnded: () => boolean;
  readonly isGone: () => boolean;
  /** Calls back if the client goes before all of the answer has been sent; at once if it has gone. */
  readonly onGone: (listener: () => void) => void;
};

/** A sender as its channel sees it. */
export type ControlledSender<Head> = Sender<Head> & {
  /** The other side has passed so much on. */
  readonly credit: (bytes: number) => void;
  readonly gone: () => void;
};

/** @param onDone called once: the answer has left as far as it ever will. */
export function createSender<Head extends object>(
  exchange: number,
  outbox: Outbox,
  onDone: () => void,
): ControlledSender<Head> {
  let room = WINDOW_BYTES;
  let queue: Buffer[] = [];
  let state: 'open' | 'ended' | 'done' = 'open';
  let begunWith: Head | undefined;
  let gone = false;
  let roomMade: PromiseWithResolvers<void> | undefined;
  let goneListeners: (() => void)[] = [];

  const finish = () => {
    state = 'done';
    queue = [];
    goneListeners = [];
    wake();
    onDone();
  };
  const requireHead = () => {
    if (begunWith === undefined) throw new Error('An answer begins with its head');
  };
  const wake = () => {
    roomMade?.resolve();
    roomMade = undefined;
  };

  /** Sends what there is room for. */
  function pump(): void {
    while (queue.length > 0 && room > 0) {
      const next = queue[0] as Buffer;
      const piece = next.length <= room ? next : next.subarray(0, room);
      if (piece.length === next.length) queue.shift();
      else queue[0] = next.subarray(room);
      room -= piece.length;
      outbox(encodeFrame(FRAME.data, exchange, piece));
    }
    if (queue.length > 0) return;
    wake();
    if (state !== 'ended') return;
    outbox(encodeFrame(FRAME.end, exchange));
    finish();
  }

  const sender: ControlledSender<Head> = {
    whole(head, body) {
      if (state !== 'open') return;
      if (body.length > room) {
        sender.begin(head);
        void sender.write(body);
        sender.end();
        return;
      }
      begunWith = head;
      outbox(encodeHead(FRAME.answer, exchange, head, body.length), body);
      finish();
    },
    begin(head) {
      if (state !== 'open' || begunWith !== undefined) return;
      begunWith = head;
      outbox(encodeHead(FRAME.head, exchange, head));
    },
    write(bytes) {
      if (state !== 'open') return undefined;
      requireHead();
      queue.push(bytes);
      pump();
      if (queue.length === 0) return undefined;
      roomMade ??= Promise.withResolvers();
      return roomMade.promise;
    },
    end() {
      if (state !== 'open') return;
      requireHead();
      state = 'ended';
      pump();
    },
    cancel() {
      if (state === 'done') return;
      outbox(encodeFrame(FRAME.cancel, exchange));
      finish();
    },
    head: () => begunWith,
    hasEnded: () => state !== 'open' && !gone,
    isGone: () => gone,
    onGone(listener) {
      if (gone) listener();
      else if (state !== 'done') goneListeners.push(listener);
    },
    credit(bytes) {
      room += bytes;
      pump();
    },
    gone() {
      if (state === 'done') return;
      gone = true;
      const listeners = goneListeners;
      finish();
      for (const listener of listeners) listener();
    },
  };
  return sender;
}
