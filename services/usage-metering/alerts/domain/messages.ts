/** Alerts in the formats of other tools. */
import type { AlertSeverity } from '#libs/contracts/alert-kinds.ts';

type Text = { title: string; message: string; recommendation: string | null };

const SLACK_EMOJI: Readonly<Record<AlertSeverity, string>> = {
  info: ':information_source:',
  warning: ':warning:',
  error: ':x:',
  critical: ':rotating_light:',
};

/** The body of an incoming webhook of Slack. Mattermost, Rocket.Chat and Discord (`/slack`) accept it too. */
export function slackMessage(severity: AlertSeverity, { title, message, recommendation }: Text) {
  const lines = [`${SLACK_EMOJI[severity]} *${escapeSlack(title)}*`, escapeSlack(message)];
  if (recommendation !== null) lines.push(`_${escapeSlack(recommendation)}_`);
  return { text: lines.join('\n') };
}

/** Slack reads `<…>` as links and mentions; these three characters are all that needs escaping. */
function escapeSlack(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** Where Sentry, or a tool that accepts its envelopes, receives events. */
export type SentryAddress = { dsn: string; url: string; publicKey: string };

/** @throws TypeError unless it is a DSN such as `https://<key>@sentry.example/42`. */
export function parseSentryDsn(dsn: string): SentryAddress {
  const url = URL.parse(dsn);
  const project = url?.pathname.split('/').at(-1);
  if (url === null || !/^https?:$/.test(url.protocol) || url.username === '' || !project)
    throw new TypeError('A Sentry DSN has the form https://<key>@<host>/<project>.');
  const prefix = url.pathname.slice(0, -project.length);
  return { dsn, url: `${url.origin}${prefix}api/${project}/envelope/`, publicKey: url.username };
}

const SENTRY_LEVELS: Readonly<Record<AlertSeverity, string>> = {
  info: 'info',
  warning: 'warning',
  error: 'error',
  critical: 'fatal',
};

/** An envelope with one event (https://develop.sentry.dev/sdk/data-model/envelopes/). */
export function sentryEnvelope(
  { dsn, url, publicKey }: SentryAddress,
  event: { id: string; at: Date; severity: AlertSeverity; type: string; text: Text; data: object },
) {
  const { id: event_id, at, severity, type, text, data } = event;
  const body = [
    { event_id, dsn, sent_at: at.toISOString() },
    { type: 'event', content_type: 'application/json' },
    {
      event_id,
      timestamp: at.toISOString(),
      platform: 'node',
      logger: 'inkmeter.alerts',
      level: SENTRY_LEVELS[severity],
      message: { formatted: `${text.title}: ${text.message}` },
      // Events of one type and title are one issue.
      fingerprint: [type, text.title],
      tags: { type },
      extra: data,
    },
  ];
  return {
    url,
    headers: {
      'content-type': 'application/x-sentry-envelope',
      'x-sentry-auth': `Sentry sentry_version=7, sentry_client=inkmeter/1.0, sentry_key=${publicKey}`,
    },
    body: body.map((part) => JSON.stringify(part)).join('\n'),
  };
}
