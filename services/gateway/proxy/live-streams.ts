/** Streams that last until the client disconnects. They end when the credential of their request does. */
import { PassThrough, type Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import type { Caller } from '#libs/contracts/internal-context.ts';
import type { EndReason } from '#libs/contracts/usage-stream.ts';

export type LiveStreams = {
  /** The stream to send instead of `source`: the same events, and one that says why it ends. */
  readonly add: (request: FastifyRequest, caller: Caller, source: Readable) => Readable;
  /** Ends the streams whose credential has expired, was revoked, or has other rights than before. */
  readonly check: () => Promise<void>;
  /** Ends all of them. */
  readonly close: () => void;
};

type Stream = { request: FastifyRequest; caller: Caller; end: (reason: EndReason) => void };

/** A revoked credential must stop working within seconds; authenticating again is a look-up in a cache. */
const CHECK_MS = 2_000;

export function createLiveStreams(
  authenticate: (request: FastifyRequest) => Caller | Promise<Caller>,
  checkMs = CHECK_MS,
): LiveStreams {
  const streams = new Set<Stream>();
  let timer: NodeJS.Timeout | undefined;

  /** An unavailable database ends no stream: it says nothing about the credential. */
  async function check(): Promise<void> {
    for (const stream of [...streams]) {
      try {
        const caller = await authenticate(stream.request);
        if (!hasSameRights(caller, stream.caller)) stream.end('credential');
      } catch (error) {
        if (isRefusal(error)) stream.end('credential');
      }
    }
  }

  function schedule(): void {
    timer ??= setTimeout(async () => {
      await check();
      timer = undefined;
      if (streams.size > 0) schedule();
    }, checkMs).unref();
  }

  return {
    add(request, caller, source) {
      const out = new PassThrough();
      const stream: Stream = {
        request,
        caller,
        end(reason) {
          streams.delete(stream);
          source.unpipe(out);
          source.destroy();
          if (!out.writableEnded) out.end(`event: end\ndata: ${JSON.stringify({ reason })}\n\n`);
        },
      };
      streams.add(stream);
      schedule();
      source.on('error', () => out.end());
      out.once('close', () => {
        streams.delete(stream);
        source.destroy();
      });
      return source.pipe(out);
    },
    check,
    close() {
      clearTimeout(timer);
      for (const { end } of [...streams]) end('shutdown');
    },
  };
}

const hasSameRights = (one: Caller, other: Caller) =>
  one.accountId === other.accountId && one.role === other.role && one.platformRole === other.platformRole;

const isRefusal = (error: unknown): boolean =>
  error instanceof Error && 'status' in error && Number(error.status) < 500;
