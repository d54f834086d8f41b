import t from 'tap';
import { createTestSocial } from '../social/social.fixture.ts';

const DAY_MS = 24 * 60 * 60 * 1_000;

t.test('given messages of a plan without a retention, then they are kept for a year', async (t) => {
  const { call, clock, runEverywhere } = await createTestSocial(t);
  const { status, body } = await call('POST', '/api/inbox/messages', {
    body: {
      ...{ network: 'facebook', external_id: '1', text: 'Hello', author: { name: 'Grace' } },
      received_at: '2026-11-27T11:58:00Z',
    },
  });
  t.equal(status, 201);
  for (const [days, found] of [
    [364, 200],
    [2, 404],
  ] as const) {
    clock.advance(days * DAY_MS);
    await runEverywhere('delete-expired-inbox-messages');
    t.equal((await call('GET', `/api/inbox/messages/${body.id}`)).status, found);
  }
});
