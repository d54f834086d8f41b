/** The channels of operators, against a server with Slack's and Sentry's paths. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { ENCRYPTION_KEY_BYTES } from '#libs/auth/authenticated-encryption.ts';
import { createSecretBox } from '#libs/auth/secret-box.ts';
import { transaction } from '#libs/db/database.ts';
import type { Channel, DeliveryRow } from '#libs/outbox/deliveries.ts';
import { emit } from '#libs/outbox/emit.ts';
import { createLogger } from '#libs/service/logger.ts';
import { createTestService } from '../fixtures.ts';
import { alertChannels, OPERATOR_SLACK_CHANNEL, SENTRY_CHANNEL } from './channels.ts';
import { parseSentryDsn } from './domain/messages.ts';

t.test('given operators with Slack and Sentry, then both receive an alert of theirs', async (t) => {
  const { database, runtime } = await createTestService(t);
  const received: { url: string; headers: IncomingHttpHeaders; body: string }[] = [];
  const answer = { status: 200, headers: {} };
  const server = createServer(async (request, response) => {
    received.push({ url: request.url ?? '', headers: request.headers, body: await text(request) });
    response.writeHead(answer.status, answer.headers).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const channels = alertChannels({
    database,
    http: { request: () => Promise.reject(new Error('no customer is concerned')) },
    operators: { slackUrl: `http://${host}/slack`, sentry: parseSentryDsn(`http://abc@${host}/42`) },
    secretBox: createSecretBox([Buffer.alloc(ENCRYPTION_KEY_BYTES)]),
  });
  const payload = { provider: 'openai', calls: 20, errors: 15, minutes: 15 };
  const event = {
    type: 'provider.failing',
    accountId: null,
    payload,
    createdAt: runtime.clock.now(),
  } as const;
  const id = runtime.newId();
  await transaction(database, (tx) => emit(tx, { ...event, id }, runtime.newId));
  const delivery = { id: runtime.newId() } as DeliveryRow;
  const context = {
    signal: new AbortController().signal,
    logger: createLogger({ name: 'test', level: 'silent' }),
  };
  const deliver = (name: string) => (channels[name] as Channel)({ ...event, id }, delivery, context);

  await deliver(OPERATOR_SLACK_CHANNEL);
  await deliver(SENTRY_CHANNEL);
  const [slack, sentry] = received;
  t.equal(slack?.url, '/slack');
  t.match(JSON.parse(slack?.body ?? ''), { text: /OpenAI/ });
  t.match(sentry, { url: '/api/42/envelope/', headers: { 'x-sentry-auth': /sentry_key=abc/ } });
  const [envelope, item, error] = (sentry?.body ?? '').split('\n').map((line) => JSON.parse(line || 'null'));
  t.equal(envelope.event_id, id.replaceAll('-', ''), 'the same in a repetition');
  t.match(item, { type: 'event' });
  t.match(error, { event_id: envelope.event_id, level: 'fatal' });

  Object.assign(answer, { status: 429, headers: { 'retry-after': '7' } });
  for (const name of [OPERATOR_SLACK_CHANNEL, SENTRY_CHANNEL])
    await t.rejects(deliver(name), { message: 'The receiver answered 429.', retryAfterMs: 7_000 }, name);
});
