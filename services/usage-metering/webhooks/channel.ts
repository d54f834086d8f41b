/** The channel that delivers events to the endpoints of accounts. */
import type { SecretBox } from '#libs/auth/secret-box.ts';
import { signatureHeaders } from '#libs/auth/webhook-signature.ts';
import { type Database, transaction } from '#libs/db/database.ts';
import { type PublicHttp, PublicHttpError, retryAfterOf } from '#libs/http/public-http.ts';
import { createBatches } from '#libs/outbox/batch.ts';
import {
  type Channel,
  type EventRow,
  PermanentDeliveryError,
  RefusedDeliveryError,
} from '#libs/outbox/deliveries.ts';
import { emit } from '#libs/outbox/emit.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { type Answer, changeAfter, type EndpointRow, isAccepted } from './domain/endpoints.ts';
import { messageOf } from './domain/message.ts';
import { signingSecrets } from './domain/signature.ts';
import {
  insertAttempts,
  type LoggedAttempt,
  listEndpointsById,
  lockEndpoint,
  updateEndpoint,
} from './store.ts';

export type WebhookChannelOptions = {
  database: Database;
  /** Checks the address of every connection. */
  http: Pick<PublicHttp, 'request'>;
  runtime: Pick<Runtime, 'clock' | 'newId'>;
  secretBox: SecretBox;
};

const TIMEOUT_MS = 10_000;
/** A longer answer is a failure. */
const MAX_ANSWER_BYTES = 65_536;
const MAX_LOGGED_CHARACTERS = 2_048;
const USER_AGENT = 'Inkmeter-Webhooks/1';

export function webhookChannel(options: WebhookChannelOptions): Channel {
  const statements = createStatements(options.database);
  return async (event, { id: deliveryId, target }, { signal }) => {
    const endpoint = await statements.findEndpoint.submit(target);
    // Deleted since.
    if (endpoint === null || endpoint.accountId !== event.accountId) return;
    if (endpoint.status === 'disabled') throw new PermanentDeliveryError('The endpoint is disabled.');
    const answer = await send(endpoint, event, deliveryId, options, signal);
    const isDisabled = await record(endpoint, deliveryId, answer, options, statements);
    if (isAccepted(answer)) return;
    const reason = answer.error ?? `The receiver answered ${answer.status}.`;
    throw isDisabled
      ? new PermanentDeliveryError(reason)
      : new RefusedDeliveryError(reason, answer.retryAfterMs);
  };
}

/** The statements that deliveries to many endpoints share. */
function createStatements(database: Database) {
  return {
    findEndpoint: createBatches(
      async (ids: string[]) => {
        const found = new Map((await listEndpointsById(database, ids)).map((row) => [row.id, row]));
        return ids.map((id) => found.get(id) ?? null);
      },
      (id) => id,
    ),
    insertAttempt: createBatches(
      async (attempts: LoggedAttempt[]) => {
        await insertAttempts(database, attempts);
        return attempts;
      },
      ({ id }) => id,
    ),
  };
}

async function send(
  endpoint: EndpointRow,
  event: EventRow,
  deliveryId: string,
  { http, runtime, secretBox }: WebhookChannelOptions,
  signal: AbortSignal,
): Promise<Answer> {
  const at = runtime.clock.now();
  const body = JSON.stringify(messageOf(event));
  const startedAt = performance.now();
  const durationMs = () => Math.round(performance.now() - startedAt);
  try {
    const response = await http.request({
      url: endpoint.url,
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'user-agent': USER_AGENT,
        ...signatureHeaders({ id: deliveryId, body, at }, signingSecrets(endpoint, at, secretBox)),
      },
      body,
      maxBytes: MAX_ANSWER_BYTES,
      timeoutMs: TIMEOUT_MS,
      signal,
    });
    const { status } = response;
    const retryAfterMs = retryAfterOf(response);
    return { status, body: excerptOf(response.body), error: null, durationMs: durationMs(), retryAfterMs };
  } catch (error) {
    if (!(error instanceof PublicHttpError)) throw error;
    return { status: null, body: null, error: error.message, durationMs: durationMs(), retryAfterMs: null };
  }
}

/** PostgreSQL stores no NUL and no half of a character in texts. */
function excerptOf(body: Buffer): string {
  return body
    .toString('utf8', 0, 4 * MAX_LOGGED_CHARACTERS)
    .replaceAll('\0', '')
    .slice(0, MAX_LOGGED_CHARACTERS)
    .toWellFormed();
}

/** Logs the attempt, and disables an endpoint that has failed for too long. @returns whether it is disabled now. */
async function record(
  before: EndpointRow,
  deliveryId: string,
  answer: Answer,
  { database, runtime }: WebhookChannelOptions,
  statements: ReturnType<typeof createStatements>,
): Promise<boolean> {
  const { clock, newId } = runtime;
  const { accountId, id } = before;
  const now = clock.now();
  const attempt = { id: newId(), deliveryId, at: now, answer };
  // Nothing to change: it was not failing, and gets one request at a time.
  if (isAccepted(answer) && before.failingSince === null) {
    await statements.insertAttempt.submit(attempt);
    return false;
  }
  return transaction(database, async (tx) => {
    const endpoint = await lockEndpoint(tx, accountId, id);
    // Its deliveries were deleted with it.
    if (endpoint === undefined) return true;
    await insertAttempts(tx, [attempt]);
    const change = changeAfter(endpoint, answer, now);
    if (change === null) return endpoint.status === 'disabled';
    const changed = await updateEndpoint(tx, id, { ...change, updatedAt: now });
    if (changed.status === 'enabled') return false;
    const { url, failingSince, disabledReason: reason } = changed;
    const payload = { endpoint_id: id, url, failing_since: failingSince?.toISOString() ?? null, reason };
    await emit(tx, { id: newId(), type: 'webhook.disabled', accountId, payload, createdAt: now }, newId);
    return true;
  });
}
