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
  /** Called when the response begins, before anything of it is written. */
  onBegin: () => void;
  /** Headers to send in addition to those of generation's response. */
  responseHeaders: Record<string, string>;
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
  const { storeResponse } = head;
  return new Promise((resolve, reject) => {
    if (response.destroyed && !storeResponse) {
      reject(new WorkNotStartedError('The client has left.'));
      return;
    }
    const stored: Buffer[] = [];
    let storedBytes = 0;
    let status = 0;
    let sentHeaders: Record<string, string> = {};
    /** Bytes written to the response that the client has not read. */
    let unread = 0;
    const onDrain = () => {
      exchange.passedOn(unread);
      unread = 0;
    };
    const finish = (outcome: CompletedResponse | undefined) => {
      response.off('close', onClose);
      response.off('drain', onDrain);
      resolve(outcome);
    };
    const onClose = () => {
      if (response.writableEnded) return;
      if (storeResponse) return onDrain();
      exchange.leave();
      finish(undefined);
    };

    response.once('close', onClose);
    const exchange: Exchange = channel.ask(head, forward.body, {
      onHead(answered) {
        status = answered.status;
        sentHeaders = { ...forward.responseHeaders, ...responseHeadersOf(answered.headers) };
        forward.onBegin();
        if (!response.destroyed) response.writeHead(status, sentHeaders);
      },
      onData(bytes) {
        if (storeResponse && storedBytes <= MAX_STORED_BYTES) {
          stored.push(Buffer.from(bytes));
          storedBytes += bytes.length;
        }
        if (response.destroyed || response.write(bytes)) return exchange.passedOn(bytes.length);
        if (unread === 0) response.once('drain', onDrain);
        unread += bytes.length;
      },
      onEnd() {
        if (!response.destroyed) response.end();
        const isStored = storeResponse && storedBytes <= MAX_STORED_BYTES;
        finish(isStored ? { status, headers: sentHeaders, body: Buffer.concat(stored) } : undefined);
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
