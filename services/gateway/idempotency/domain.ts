/** `Idempotency-Key`: which requests are the same, and what a repeated one gets. */
import { createHash } from 'node:crypto';
import type { Caller } from '#libs/contracts/internal-context.ts';
import { type ProblemError, problem } from '#libs/problems/problems.ts';

/** A response as the client received it. */
export type CompletedResponse = { status: number; headers: Record<string, string>; body: Buffer };

/** What is known of a request: its response, that it may still be running, or that nothing was spent for it. */
export type RequestOutcome =
  | { state: 'done'; response: CompletedResponse }
  | { state: 'running' }
  | { state: 'unknown' };

export type IdempotentRequest = {
  caller: Caller;
  requestId: string;
  /** The header's value. */
  key: string;
  path: string;
  body: Buffer;
};

export type Idempotency = {
  /**
   * Runs a request once: begin, run, conclude.
   *
   * @param run serves the request; resolves with what became of it.
   * @param recover asked when `run` fails; by default, a request that failed spent nothing.
   * @returns the outcome. For a replay, the caller still has to send its response, with {@link replayHeaders}.
   * @throws ProblemError `invalid_request`, `idempotency_key_reused`, `idempotency_in_progress`, and what `run` throws
   * unless `recover` found the response.
   */
  runOnce: (
    request: IdempotentRequest,
    run: () => Promise<RequestOutcome>,
    recover?: (error: unknown) => Promise<RequestOutcome>,
  ) => Promise<{ outcome: RequestOutcome; isReplay: boolean }>;
  /** What generation knows of a request. @throws when no generation process answers. */
  readOutcome: (requestId: string, caller: Caller) => Promise<RequestOutcome>;
};

/** Names a key: keys of different callers are different keys. */
export type KeyName = { accountId: string; key: string };

/** A key in use, within its lifetime. */
export type KeyRecord = {
  bodyHash: string;
  requestId: string;
  leaseUntil: Date;
  /** Null while the request runs. */
  response: CompletedResponse | null;
};

/** How a request proceeds whose key is in use. */
export type RepeatDecision =
  | { kind: 'replay'; response: CompletedResponse }
  /** The gateway that ran the request is gone: generation knows what became of it. */
  | { kind: 'ask_generation' }
  | { kind: 'refuse'; problem: ProblemError };

const KEY_FORMAT = /^[\x21-\x7e]{1,255}$/;
const IN_PROGRESS_RETRY_SECONDS = 1;

/** Keys are free again after this time. */
export const KEY_LIFETIME_MS = 24 * 60 * 60 * 1000;
/** A lease that is not renewed for this long belongs to a gateway that is gone. */
export const LEASE_MS = 10_000;
export const LEASE_RENEWAL_MS = 3_000;

/** @throws ProblemError `invalid_request` */
export function checkKeyFormat(key: string): void {
  if (!KEY_FORMAT.test(key)) {
    throw problem('invalid_request', {
      detail: 'Idempotency-Key must be 1 to 255 visible ASCII characters.',
      fields: { param: 'Idempotency-Key' },
    });
  }
}

/** @throws ProblemError `invalid_request` for a malformed key. */
export function keyNameOf({ caller, key }: Pick<IdempotentRequest, 'caller' | 'key'>): KeyName {
  checkKeyFormat(key);
  const { accountId, keyId, userId, session } = caller;
  // End users share a key.
  const owner = session === undefined ? (keyId ?? userId) : `${keyId}/${userId}`;
  return { accountId, key: `${owner}:${key}` };
}

export function bodyHashOf({ path, body }: Pick<IdempotentRequest, 'path' | 'body'>): string {
  return createHash('sha256').update(path).update('\0').update(body).digest('base64url');
}

export function decideRepeat(record: KeyRecord | undefined, bodyHash: string, now: Date): RepeatDecision {
  if (record === undefined) return { kind: 'refuse', problem: inProgress() };
  if (record.bodyHash !== bodyHash) return { kind: 'refuse', problem: problem('idempotency_key_reused') };
  if (record.response !== null) return { kind: 'replay', response: record.response };
  return record.leaseUntil > now ? { kind: 'refuse', problem: inProgress() } : { kind: 'ask_generation' };
}

export function inProgress(): ProblemError {
  return problem('idempotency_in_progress', { headers: { 'retry-after': `${IN_PROGRESS_RETRY_SECONDS}` } });
}

/** Whether a response is stored for replays. Refusals and failures spend nothing, so their requests may be repeated. */
export function isRepeatable({ status }: CompletedResponse): boolean {
  return status < 500 && status !== 429 && status !== 409;
}

/** The headers of a replay. */
export function replayHeaders({ headers }: CompletedResponse): Record<string, string> {
  const { 'content-length': _, ...rest } = headers;
  return { ...rest, 'idempotent-replayed': 'true' };
}
