/**
 * Sends admitted work to a generation process and its answer to the client, byte by byte as it comes: one copy, no
 * buffering, back-pressure from the client to the provider, and a client that leaves is noticed by whoever works for it.
 */
import type { ServerResponse } from 'node:http';
import type { Channel, ChannelClient, Exchange } from '#libs/channel/client.ts';
import type { AnswerHead, WorkHead } from '#libs/contracts/work.ts';
import { problem } from '#libs/problems/problems.ts';
import { costHeaders } from '#libs/service/rate-limit-headers.ts';
import type { ForwardedAnswer } from '../idempotency/stored-response.ts';

export type Forward = {
  head: WorkHead;
  body: Buffer;
  /** The client's response; its headers must not have been sent. */
  response: ServerResponse;
  /** Told once the answer begins, before anything of it is written. */
  beforeAnswer: () => void;
  /** Headers of every answer, beside those the answer brings itself. */
  answerHeaders: Record<string, string>;
};

export type GenerationProxy = {
  /**
   * Resolves when the answer has been passed on completely; with the answer, if it was to be kept. Such work also goes
   * on when the client leaves.
   * @throws WorkNotStartedError when no work was begun, so that its hold can be closed.
   * @throws ProblemError `service_unavailable` when the process was lost before it answered; what it spent until
   * then is in the books, and the sweeper releases the rest.
   */
  forward: (forward: Forward) => Promise<ForwardedAnswer | undefined>;
};

/** Nothing was sent to any generation process: none can be reached, or nobody waits for the answer any more. */
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

/** @param clients one for each generation process; work goes round. */
export function createGenerationProxy(clients: readonly ChannelClient<AnswerHead>[]): GenerationProxy {
  let next = 0;

  /** The next process that can be reached. */
  async function reach(): Promise<Channel<AnswerHead>> {
    // Requests at the same time move `next` on, and this one must still try each process once.
    const first = next;
    next = (next + 1) % clients.length;
    let lost: unknown;
    for (let attempt = 0; attempt < clients.length; attempt += 1) {
      try {
        return await (clients[(first + attempt) % clients.length] as ChannelClient<AnswerHead>).channel();
      } catch (error) {
        lost = error;
      }
    }
    throw new WorkNotStartedError('no generation process can be reached', { cause: lost });
  }

  return { forward: async (forward) => pass(await reach(), forward) };
}

function answerHeadersOf(headers: AnswerHead['headers']): Record<string, string> {
  const passed: Record<string, string> = {};
  for (const name of PASSED_ON) {
    const value = headers[name];
    if (value !== undefined) passed[name] = value;
  }
  const cost = headers['x-inkmeter-cost-nano-usd'];
  if (cost !== undefined) {
    Object.assign(
      passed,
      costHeaders({
        costNanoUsd: BigInt(cost),
        tokens: headers['x-inkmeter-tokens'] ?? '0',
        state: headers['x-inkmeter-budget-state'] ?? 'ok',
      }),
    );
  }
  return passed;
}

function pass(channel: Channel<AnswerHead>, forward: Forward): Promise<ForwardedAnswer | undefined> {
  const { head, response } = forward;
  const capture = head.storeResponse;
  return new Promise((resolve, reject) => {
    if (response.destroyed && !capture) {
      reject(new WorkNotStartedError('the client has gone'));
      return;
    }
    const kept: Buffer[] = [];
    let keptBytes = 0;
    let status = 0;
    let answerHeaders: Record<string, string> = {};
    /** Taken by the response, and not yet by its client. */
    let unread = 0;
    const drain = () => {
      exchange.passedOn(unread);
      unread = 0;
    };
    const settle = (outcome: ForwardedAnswer | undefined) => {
      response.off('close', leave);
      response.off('drain', drain);
      resolve(outcome);
    };
    const leave = () => {
      if (response.writableEnded) return;
      if (capture) return drain();
      exchange.leave();
      settle(undefined);
    };

    response.once('close', leave);
    const exchange: Exchange = channel.ask(head, forward.body, {
      onHead(answered) {
        status = answered.status;
        answerHeaders = { ...forward.answerHeaders, ...answerHeadersOf(answered.headers) };
        forward.beforeAnswer();
        if (!response.destroyed) response.writeHead(status, answerHeaders);
      },
      onData(bytes) {
        if (capture && keptBytes <= MAX_CAPTURE_BYTES) {
          kept.push(Buffer.from(bytes));
          keptBytes += bytes.length;
        }
        if (response.destroyed || response.write(bytes)) return exchange.passedOn(bytes.length);
        if (unread === 0) response.once('drain', drain);
        unread += bytes.length;
      },
      onEnd() {
        if (!response.destroyed) response.end();
        const keep = capture && keptBytes <= MAX_CAPTURE_BYTES;
        settle(keep ? { status, headers: answerHeaders, body: Buffer.concat(kept) } : undefined);
      },
      onLost(error) {
        const isTold = response.headersSent || response.destroyed;
        // An answer cut short must not look like a complete one.
        if (isTold) response.destroy();
        if (!isTold) reject(problem('service_unavailable', { cause: error }));
        settle(undefined);
      },
    });
  });
}
