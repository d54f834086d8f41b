/** The channels that usage-metering delivers alerts on. */
import type { SecretBox } from '#libs/auth/secret-box.ts';
import type { Database } from '#libs/db/database.ts';
import { type PublicHttp, retryAfterOf } from '#libs/http/public-http.ts';
import { readRetryAfterMs } from '#libs/http/retry-after.ts';
import { describeAlert } from '#libs/outbox/alert-text.ts';
import {
  type Channel,
  type Channels,
  type EventRow,
  RefusedDeliveryError,
  SLACK_CHANNEL,
} from '#libs/outbox/deliveries.ts';
import { type SentryAddress, sentryEnvelope, slackMessage } from './domain/messages.ts';
import { slackContext } from './domain/preferences.ts';
import { findAlert, findSettings } from './store.ts';

export const OPERATOR_SLACK_CHANNEL = 'operator-slack';
export const SENTRY_CHANNEL = 'sentry';

/** Addresses of the operators, from the configuration. They may be inside the private network. */
export type OperatorAddresses = { slackUrl: string | undefined; sentry: SentryAddress | undefined };

const TIMEOUT_MS = 10_000;
const MAX_ANSWER_BYTES = 4_096;

export type ChannelOptions = {
  database: Database;
  /** Reaches only the public internet: customers choose where their messages go. */
  http: Pick<PublicHttp, 'request'>;
  operators: OperatorAddresses;
  secretBox: Pick<SecretBox, 'open'>;
};

export function alertChannels({ database, http, operators, secretBox }: ChannelOptions): Channels {
  const slack: Channel = async (event, { target }, { signal }) => {
    const accountId = event.accountId ?? '';
    const { slackUrl } = await findSettings(database, accountId, target);
    // The user has removed the address since.
    if (slackUrl === null) return;
    const url = secretBox.open(slackUrl, slackContext({ accountId, userId: target }));
    const response = await http.request({
      url,
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(await slackBody(event)),
      maxBytes: MAX_ANSWER_BYTES,
      timeoutMs: TIMEOUT_MS,
      signal,
    });
    assertAccepted(response.status, retryAfterOf(response));
  };

  async function slackBody(event: EventRow) {
    const severity = (await findAlert(database, event.id))?.severity ?? 'info';
    return slackMessage(severity, describeAlert(event.type, event.payload));
  }

  const { slackUrl: operatorUrl, sentry } = operators;
  return {
    [SLACK_CHANNEL]: slack,
    ...(operatorUrl !== undefined && {
      [OPERATOR_SLACK_CHANNEL]: async (event, _, { signal }) =>
        post(
          operatorUrl,
          JSON.stringify(await slackBody(event)),
          { 'content-type': 'application/json' },
          signal,
        ),
    }),
    ...(sentry !== undefined && {
      [SENTRY_CHANNEL]: async (event, _, { signal }) => {
        const alert = await findAlert(database, event.id);
        const { url, headers, body } = sentryEnvelope(sentry, {
          // Sentry takes 32 hexadecimal digits, and recognises a repetition by them.
          id: event.id.replaceAll('-', ''),
          at: event.createdAt,
          severity: alert?.severity ?? 'info',
          type: event.type,
          text: describeAlert(event.type, event.payload),
          data: event.payload,
        });
        await post(url, body, headers, signal);
      },
    }),
  };
}

/** The channels of operators that are configured. */
export function operatorChannels({ slackUrl, sentry }: OperatorAddresses): string[] {
  return [
    ...(slackUrl === undefined ? [] : [OPERATOR_SLACK_CHANNEL]),
    ...(sentry === undefined ? [] : [SENTRY_CHANNEL]),
  ];
}

async function post(
  url: string,
  body: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<void> {
  const response = await fetch(url, {
    method: 'POST',
    headers,
    body,
    redirect: 'error',
    signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
  });
  await response.body?.cancel();
  assertAccepted(
    response.status,
    readRetryAfterMs((name) => response.headers.get(name)),
  );
}

function assertAccepted(status: number, retryAfterMs: number | null): void {
  if (status < 200 || status > 299)
    throw new RefusedDeliveryError(`The receiver answered ${status}.`, retryAfterMs);
}
