/**
 * Sends admitted work to a generation process and its answer to the client, byte by byte as it comes.
 *
 * It speaks undici's dispatch protocol and writes to the raw response: one copy, no buffering, back-pressure from
 * the client to the provider, and a client that leaves is noticed by whoever works for it.
 */
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { Dispatcher } from 'undici';
import { isNotSent } from '#libs/http/service-pool.ts';
import { problem } from '#libs/problems/problems.ts';
import { costHeaders } from '#libs/service/rate-limit-headers.ts';
import type { ForwardedAnswer } from '../domain/kept-answer.ts';

export type Forward = {
  path: string;
  body: Buffer | string;
  headers: Record<string, string>;
  /** The client's response; its headers must not have been sent. */
  response: ServerResponse;
  /** Told once the answer begins, before anything of it is written. */
  beforeAnswer: () => void;
  /** Headers of every answer, beside those the answer brings itself. */
  answerHeaders: Record<string, string>;
  /** Keep what was sent, to repeat it later. Such work also goes on when the client leaves. */
  capture: boolean;
};

export type GenerationProxy = {
  /**
   * Resolves when the answer has been passed on completely, with the answer where it was to be kept.
   * @throws WorkNotStartedError when no process took the work, so that its hold can be closed.
   * @throws ProblemError `service_unavailable` when the process was lost before it answered; what it spent until
   * then is in the books, and the sweeper releases the rest.
   */
  forward: (forward: Forward) => Promise<ForwardedAnswer | undefined>;
};

/** Nothing was sent to any generation process. */
export class WorkNotStartedError extends Error {
  override readonly name = 'WorkNotStartedError';
}

const PASSED_ON = [
  'content-type',
  'content-length',
  'cache-control',
  'retry-after',
  'x-should-retry',
] as const;
/** Kept answers are bounded; a longer one cannot be repeated. */
const MAX_CAPTURE_BYTES = 4 * 1024 * 1024;

export function createGenerationProxy(pools: readonly Dispatcher[]): GenerationProxy {
  let next = 0;

  return {
    async forward(forward) {
      // Requests at the same time move `next` on, and this one must still reach each pool once.
      const first = next;
      next = (next + 1) % pools.length;
      for (let attempt = 0; attempt < pools.length; attempt += 1) {
        const pool = pools[(first + attempt) % pools.length] as Dispatcher;
        const outcome = await dispatch(pool, forward);
        if (outcome !== 'not_sent') return outcome;
      }
      throw new WorkNotStartedError('no generation process can be reached');
    },
  };
}

function answerHeadersOf(headers: IncomingHttpHeaders): Record<string, string> {
  const passed: Record<string, string> = {};
  for (const name of PASSED_ON) {
    const value = headers[name];
    if (typeof value === 'string') passed[name] = value;
  }
  const cost = headers['x-inkmeter-cost-nano-usd'];
  if (typeof cost === 'string') {
    Object.assign(
      passed,
      costHeaders({
        costNanoUsd: BigInt(cost),
        tokens: String(headers['x-inkmeter-tokens'] ?? '0'),
        state: String(headers['x-inkmeter-budget-state'] ?? 'ok'),
      }),
    );
  }
  return passed;
}

function dispatch(pool: Dispatcher, forward: Forward): Promise<ForwardedAnswer | undefined | 'not_sent'> {
  const { response, capture } = forward;
  return new Promise((resolve, reject) => {
    const kept: Buffer[] = [];
    let keptBytes = 0;
    let status = 0;
    let answerHeaders: Record<string, string> = {};
    let controller: Dispatcher.DispatchController | undefined;
    const resume = () => controller?.resume();
    const leave = () => {
      if (response.writableEnded) return;
      if (capture) controller?.resume();
      else controller?.abort(new Error('the client went away'));
    };
    const release = () => {
      response.off('close', leave);
      response.off('drain', resume);
    };
    const settle = (outcome: ForwardedAnswer | undefined | 'not_sent') => {
      release();
      resolve(outcome);
    };

    response.once('close', leave);
    pool.dispatch(
      { method: 'POST', path: forward.path, headers: forward.headers, body: forward.body },
      {
        onRequestStart(started) {
          controller = started;
          if (response.destroyed && !capture) started.abort(new Error('the client went away'));
        },
        onResponseStart(_, statusCode, headers) {
          status = statusCode;
          answerHeaders = { ...forward.answerHeaders, ...answerHeadersOf(headers) };
          forward.beforeAnswer();
          if (!response.destroyed) response.writeHead(statusCode, answerHeaders);
        },
        onResponseData(current, chunk) {
          if (capture && keptBytes <= MAX_CAPTURE_BYTES) {
            kept.push(Buffer.from(chunk));
            keptBytes += chunk.length;
          }
          if (response.destroyed || response.write(chunk)) return;
          current.pause();
          response.once('drain', resume);
        },
        onResponseEnd() {
          if (!response.destroyed) response.end();
          const keep = capture && keptBytes <= MAX_CAPTURE_BYTES;
          settle(keep ? { status, headers: answerHeaders, body: Buffer.concat(kept) } : undefined);
        },
        onResponseError(_, error) {
          if (isNotSent(error)) return settle('not_sent');
          if (response.headersSent || response.destroyed) {
            // An answer cut short must not look like a complete one.
            response.destroy();
            return settle(undefined);
          }
          release();
          reject(problem('service_unavailable', { cause: error }));
        },
      },
    );
  });
}
