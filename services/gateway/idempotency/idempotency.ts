/**
 * `Idempotency-Key`: the first response is stored for 24 hours and replayed; nothing is spent twice, even if the gateway
 * that took the request dies (https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/).
 *
 * begin → run → conclude
 *
 * A running request holds a lease that its gateway renews. After the lease has expired, generation is asked what became
 * of the request before anything runs again.
 */
import type { Database } from '#libs/db/database.ts';
import {
  bodyHashOf,
  type CompletedResponse,
  decideRepeat,
  type Idempotency,
  type IdempotentRequest,
  inProgress,
  isRepeatable,
  type KeyName,
  keyNameOf,
  LEASE_MS,
  type RequestOutcome,
} from './domain.ts';
import { claimKey, findKey, releaseKey, renewLeases, storeResponse, takeOverKey } from './store.ts';

export type IdempotencyState = Pick<Idempotency, 'readOutcome'> & {
  database: Database;
  now: () => Date;
  /** Requests of this process that hold a lease. */
  running: Set<string>;
};

/** A key that belongs to a request until the request is concluded. */
export type Claim = { name: KeyName; requestId: string };

export type NamedRequest = Claim & { bodyHash: string };

type Begun = { claim: Claim } | { replay: CompletedResponse };

/** See {@link Idempotency.runOnce}. */
export async function runOnce(
  state: IdempotencyState,
  request: IdempotentRequest,
  run: () => Promise<RequestOutcome>,
  recover: (error: unknown) => Promise<RequestOutcome> = async () => ({ state: 'unknown' }),
): Promise<{ outcome: RequestOutcome; isReplay: boolean }> {
  const begun = await begin(state, request);
  if ('replay' in begun) return { outcome: { state: 'done', response: begun.replay }, isReplay: true };

  let outcome: RequestOutcome;
  let failure: { error: unknown } | undefined;
  try {
    outcome = await run();
  } catch (error) {
    failure = { error };
    outcome = await recover(error);
  }
  await conclude(state, begun.claim, outcome);
  if (failure !== undefined && outcome.state !== 'done') throw failure.error;
  return { outcome, isReplay: failure !== undefined };
}

/** @returns the claim to run the request, or the response to replay. */
export async function begin(state: IdempotencyState, request: IdempotentRequest): Promise<Begun> {
  const { requestId, caller } = request;
  const named = { name: keyNameOf(request), bodyHash: bodyHashOf(request), requestId };
  return await beginNamed(state, named, (id) => state.readOutcome(id, caller));
}

/**
 * {@link begin}, for a request that is named by its route.
 *
 * @param readOutcome what became of a request whose gateway is gone.
 */
export async function beginNamed(
  state: Omit<IdempotencyState, 'readOutcome'>,
  { name, bodyHash, requestId }: NamedRequest,
  readOutcome: (requestId: string) => Promise<RequestOutcome>,
): Promise<Begun> {
  const { database, now, running } = state;
  const claim = { name, requestId };
  if (await claimKey(database, name, { bodyHash, requestId, now: now(), leaseUntil: leaseEnd(now) })) {
    running.add(requestId);
    return { claim };
  }

  const record = await findKey(database, name, now());
  const decision = decideRepeat(record, bodyHash, now());
  if (decision.kind === 'refuse') throw decision.problem;
  if (decision.kind === 'replay') return { replay: decision.response };
  if (record === undefined) throw inProgress();

  const outcome = await readOutcome(record.requestId);
  if (outcome.state === 'running') throw inProgress();
  if (outcome.state === 'done' && isRepeatable(outcome.response)) {
    await storeResponse(database, name, record.requestId, outcome.response);
    return { replay: outcome.response };
  }
  if (!(await takeOverKey(database, name, record, { requestId, leaseUntil: leaseEnd(now) })))
    throw inProgress();
  running.add(requestId);
  return { claim };
}

/** Stores the response, or frees the key. While the request may be running, its lease expires instead. */
export async function conclude(
  { database, running }: Pick<IdempotencyState, 'database' | 'running'>,
  { name, requestId }: Claim,
  outcome: RequestOutcome,
): Promise<void> {
  running.delete(requestId);
  if (outcome.state === 'running') return;
  if (outcome.state === 'done' && isRepeatable(outcome.response)) {
    await storeResponse(database, name, requestId, outcome.response);
  } else {
    await releaseKey(database, name, requestId);
  }
}

/** Renews the leases of this process. */
export async function renewRunning({ database, now, running }: IdempotencyState): Promise<void> {
  if (running.size > 0) await renewLeases(database, [...running], leaseEnd(now));
}

function leaseEnd(now: () => Date): Date {
  return new Date(now().getTime() + LEASE_MS);
}
