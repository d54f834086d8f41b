/**
 * Sends held requests to a generation process and its response to the client, as the bytes arrive: one copy, no buffering,
 * back-pressure from the client to the provider. The process learns when the client leaves.
 */
import type { ServerResponse } from 'node:http';
import type { Channel, ChannelClient, Exchange } from '#libs/channel/client.ts';
import type { AnswerHead, WorkHead } from '#libs/contracts/work.ts';
import { createFailover } from '#libs/http/failover.ts';
import { problem } from '#libs/problems/problems.ts';
import { costHeaders } from '#libs/service/rate-limit-headers.ts';
import type { CompletedResponse } from '../idempotency/domain.ts';

export type ForwardRequest = {
  head: WorkHead;
  body: Buffer;
  /** The client's response; its headers must not have been sent. */
  response: ServerResponse;
  /** Called once the response begins, before anything of it is written. */
  beforeAnswer: () => void;
  /** Headers to send in addition to those of generation's response. */
  answerHeaders: Record<string, string>;
};

export type GenerationProxy = {
  /**
   * Resolves when the whole response has been passed on; with the response, if it is to be stored. A request whose
   * response is stored also continues when the client leaves.
   * @throws WorkNotStartedError when nothing was sent, so that the hold can be closed.
   * @throws ProblemError `service_unavailable` when the process was lost before it responded. What it spent is settled;
   * the rest of the hold is released at its expiry.
   */
  forward: (request: ForwardRequest) => Promise<CompletedResponse | undefined>;
};

/** Nothing was sent to any generation process: none can be reached, or the client has left. */
export class WorkNotStartedError extends Error {
  override readonly name = 'WorkNotStartedError';
}

const RESPONSE_HEADERS = [
  'content-type',
  'content-length',
  'cache-control',
  'retry-after',
  'x-should-retry',
] as const;
/** A longer response is not stored, and so cannot be replayed. */
const MAX_STORED_BYTES = 4 * 1024 * 1024;

/** @param clients one for each generation process; requests take turns. */
export function createGenerationProxy(clients: readonly ChannelClient<AnswerHead>[]): GenerationProxy {
  const failover = createFailover(clients);

  async function openChannel(): Promise<Channel<AnswerHead>> {
    try {
      return await failover(openTo);
    } catch (error) {
      throw new WorkNotStartedError('No generation process can be reached.', { cause: error });
    }
  }

  return { forward: async (request) => pass(await openChannel(), request) };
}

const openTo = (client: ChannelClient<AnswerHead>) => client.channel();

function responseHeadersOf(headers: AnswerHead['headers']): Record<string, string> {
  const passed: Record<string, string> = {};
  for (const name of RESPONSE_HEADERS) {
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

function pass(channel: Channel<AnswerHead>, forward: ForwardRequest): Promise<CompletedResponse | undefined> {
  const { head, response } = forward;
  const capture = head.storeResponse;
  return new Promise((resolve, reject) => {
    if (response.destroyed && !capture) {
      reject(new WorkNotStartedError('The client has left.'));
      return;
    }
    const stored: Buffer[] = [];
    let storedBytes = 0;
    let status = 0;
    let answerHeaders: Record<string, string> = {};
    /** Bytes written to the response that the client has not read. */
    let unread = 0;
    const drain = () => {
      exchange.passedOn(unread);
      unread = 0;
    };
    const finish = (outcome: CompletedResponse | undefined) => {
      response.off('close', leave);
      response.off('drain', drain);
      resolve(outcome);
    };
    const leave = () => {
      if (response.writableEnded) return;
      if (capture) return drain();
      exchange.leave();
      finish(undefined);
    };

    response.once('close', leave);
    const exchange: Exchange = channel.ask(head, forward.body, {
      onHead(answered) {
        status = answered.status;
        answerHeaders = { ...forward.answerHeaders, ...responseHeadersOf(answered.headers) };
        forward.beforeAnswer();
        if (!response.destroyed) response.writeHead(status, answerHeaders);
      },
      onData(bytes) {
        if (capture && storedBytes <= MAX_STORED_BYTES) {
          stored.push(Buffer.from(bytes));
          storedBytes += bytes.length;
        }
        if (response.destroyed || response.write(bytes)) return exchange.passedOn(bytes.length);
        if (unread === 0) response.once('drain', drain);
        unread += bytes.length;
      },
      onEnd() {
        if (!response.destroyed) response.end();
        const isStored = capture && storedBytes <= MAX_STORED_BYTES;
        finish(isStored ? { status, headers: answerHeaders, body: Buffer.concat(stored) } : undefined);
      },
      onLost(error) {
        const hasBegun = response.headersSent || response.destroyed;
        // A truncated response must not look complete.
        if (hasBegun) response.destroy();
        if (!hasBegun) reject(problem('service_unavailable', { cause: error }));
        finish(undefined);
      },
    });
  });
}
