/**
 * `Idempotency-Key`: the first answer to a request is kept for 24 hours and repeated; nothing is spent twice, not even
 * when the gateway that took the request dies (https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/).
 *
 * A request in progress holds a lease that its gateway renews. Past the lease the gateway is gone, but generation may
 * have finished the work, or be at it still: it is asked before anything runs again.
 */
import { createHash } from 'node:crypto';
import type { FastifyReply } from 'fastify';
import type { Caller } from '#libs/contracts/internal-context.ts';
import { problem } from '#libs/problems/problems.ts';
import type { ForwardedAnswer, IdempotencyStore, KeptResult, KeyName } from './stored-response.ts';

export type IdempotentRequest = {
  caller: Caller;
  requestId: string;
  /** As sent; undefined for a request without the header. */
  key: string | undefined;
  path: string;
  body: Buffer;
};

/** A claimed key: exactly one of its functions is called when the request is over. */
export type Claim = {
  finish: (answer: ForwardedAnswer) => Promise<void>;
  /** Nothing was spent, or it failed: the same key may try again. */
  release: () => Promise<void>;
  /** What became of it is not known here: when the lease has run out, generation is asked before anything runs again. */
  leave: () => Promise<void>;
};

export type Idempotency = {
  /**
   * @returns a claim to run the request, or the answer it was given before.
   * @throws ProblemError `invalid_request`, `idempotency_key_reused`, `idempotency_in_progress`.
   */
  begin: (
    request: IdempotentRequest & { key: string },
  ) => Promise<{ claim: Claim } | { replay: ForwardedAnswer }>;
  /** Renews the leases of all requests in progress; called every {@link RENEW_EVERY_MS}. */
  renew: () => Promise<void>;
};

const KEY_FORMAT = /^[\x21-\x7e]{1,255}$/;
const LEASE_MS = 10_000;
export const RENEW_EVERY_MS = 3_000;
const IN_PROGRESS_RETRY_SECONDS = 1;

/** Answers worth repeating: those that spent something or never will. Refusals and failures may be tried again. */
export function isRepeatable(answer: ForwardedAnswer): boolean {
  return answer.status < 500 && answer.status !== 429 && answer.status !== 409;
}

/** Ends a claim with the answer the request was given, or with none. */
export async function conclude(claim: Claim, answer: ForwardedAnswer | undefined): Promise<void> {
  if (answer !== undefined && isRepeatable(answer)) await claim.finish(answer);
  else await claim.release();
}

/** Gives an answer once more. */
export function replay(reply: FastifyReply, answer: ForwardedAnswer): FastifyReply {
  const { 'content-length': _, ...headers } = answer.headers;
  return reply.code(answer.status).headers(headers).header('idempotent-replayed', 'true').send(answer.body);
}

export function createIdempotency(options: {
  store: IdempotencyStore;
  now: () => Date;
  keptResult: (requestId: string, caller: Caller) => Promise<KeptResult>;
}): Idempotency {
  const { store, now, keptResult } = options;
  const running = new Set<string>();
  const lease = () => new Date(now().getTime() + LEASE_MS);

  function claimOf(name: KeyName, requestId: string): Claim {
    running.add(requestId);
    const over = <Rest extends unknown[]>(work: (...rest: Rest) => Promise<void>) => {
      return async (...rest: Rest) => {
        running.delete(requestId);
        await work(...rest);
      };
    };
    return {
      finish: over((answer: ForwardedAnswer) => store.finish(name, requestId, answer)),
      release: over(() => store.release(name, requestId)),
      leave: over(async () => {}),
    };
  }

  const inProgress = () =>
    problem('idempotency_in_progress', { headers: { 'retry-after': `${IN_PROGRESS_RETRY_SECONDS}` } });

  return {
    async begin({ caller, requestId, key, path, body }) {
      if (!KEY_FORMAT.test(key)) {
        throw problem('invalid_request', {
          detail: 'Idempotency-Key must be 1 to 255 visible ASCII characters.',
          fields: { param: 'Idempotency-Key' },
        });
      }
      const name = { accountId: caller.accountId, key: `${caller.keyId ?? caller.userId}:${key}` };
      const bodyHash = createHash('sha256').update(path).update('\0').update(body).digest('base64url');
      if (await store.claim(name, { bodyHash, requestId, now: now(), leaseUntil: lease() })) {
        return { claim: claimOf(name, requestId) };
      }

      const row = await store.find(name, now());
      if (row === undefined) throw inProgress();
      if (row.bodyHash !== bodyHash) throw problem('idempotency_key_reused');
      if (row.answer !== null) return { replay: row.answer };
      if (row.leaseUntil > now()) throw inProgress();

      const kept = await keptResult(row.requestId, caller);
      if (kept.state === 'running') throw inProgress();
      if (kept.state === 'done' && isRepeatable(kept.answer)) {
        await store.finish(name, row.requestId, kept.answer);
        return { replay: kept.answer };
      }
      if (!(await store.takeOver(name, row, { requestId, leaseUntil: lease() }))) throw inProgress();
      return { claim: claimOf(name, requestId) };
    },
    async renew() {
      if (running.size > 0) await store.renew([...running], lease());
    },
  };
}
