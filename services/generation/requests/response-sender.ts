import type { ServerResponse } from 'node:http';
import type { ResponseHead } from '#libs/contracts/generation-requests.ts';
import type { ResponseSender } from './domain/handler.ts';

/** Sends the response of one generation request over HTTP, with back-pressure. */
export function createResponseSender(raw: ServerResponse): ResponseSender {
  let sentHead: ResponseHead | undefined;
  let ended = false;
  let gone = false;
  let room: PromiseWithResolvers<void> | undefined;
  const goneListeners: (() => void)[] = [];

  const makeRoom = () => {
    room?.resolve();
    room = undefined;
  };
  const requireHead = () => {
    if (sentHead === undefined) throw new Error('A response begins with its head.');
  };
  raw.once('close', () => {
    if (!raw.writableFinished) {
      gone = true;
      for (const listener of goneListeners) listener();
    }
    makeRoom();
  });

  return {
    whole(head, body) {
      if (sentHead !== undefined) return;
      sentHead = head;
      ended = true;
      if (!gone) raw.writeHead(head.status, head.headers).end(body);
    },
    begin(head) {
      if (sentHead !== undefined) return;
      sentHead = head;
      if (!gone) raw.writeHead(head.status, head.headers).flushHeaders();
    },
    write(bytes) {
      requireHead();
      if (ended || gone || raw.write(bytes)) return undefined;
      if (room === undefined) {
        room = Promise.withResolvers();
        raw.once('drain', makeRoom);
      }
      return room.promise;
    },
    end() {
      requireHead();
      if (!ended && !gone) raw.end();
      ended = true;
    },
    cancel() {
      ended = true;
      raw.destroy();
    },
    head: () => sentHead,
    hasEnded: () => ended,
    isGone: () => gone,
    onGone(listener) {
      if (gone) listener();
      else goneListeners.push(listener);
    },
  };
}
