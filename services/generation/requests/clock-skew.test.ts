/** Deadlines come from durations: a service clock that differs from the database's by an hour changes nothing. */
import t from 'tap';
import { request } from '#libs/testing/http.ts';
import { chatPlan, createTestGeneration, type HeldRequest } from '../fixtures.ts';

const HOUR_MS = 3_600_000;
const TTL_MS = 4_000;

/** The request as a process receives it whose clock is behind the database's by this much; ahead, if it is negative. */
function withClockBehind({ requestId, headers }: HeldRequest, behindMs: number): HeldRequest {
  const head = JSON.parse(headers['x-test-head'] ?? '');
  const skewed = { ...head, holdExpiresAtMs: head.holdExpiresAtMs + behindMs, holdMsLeft: TTL_MS };
  return { requestId, headers: { ...headers, 'x-test-head': JSON.stringify(skewed) } };
}

const chat = (simulate: string) => ({
  model: 'gpt-4o',
  messages: [{ role: 'user', content: `Rivers [[simulate: ${simulate}]]` }],
});

for (const [name, behindMs] of [
  ['behind', HOUR_MS],
  ['ahead', -HOUR_MS],
] as const) {
  t.test(`given a service clock that is an hour ${name}`, async (t) => {
    const generation = await createTestGeneration(t, { DEADLINE_MARGIN: '3s' });
    const ask = async (simulate: string) => {
      const held = await generation.admit(chatPlan(), { ttlMs: TTL_MS });
      const { requestId, headers } = withClockBehind(held, behindMs);
      return { requestId, answer: await request(generation.workUrl, { headers, body: chat(simulate) }) };
    };

    await t.test('then a call that takes too long is settled before its hold expires', async (t) => {
      const { requestId, answer } = await ask('slow=60000');
      t.match(answer, { status: 504, body: { error: { problem_code: 'provider_timeout' } } });
      t.equal(await generation.holdState(requestId), 'closed');
      const { rows } = await generation.pool.query(
        `SELECT e.late, h.closed_at < h.expires_at AS in_time
           FROM usage_events e JOIN ledger_holds h ON h.id = e.hold_id WHERE h.id = $1`,
        [requestId],
      );
      t.strictSame(rows, [{ late: false, in_time: true }]);
    });

    await t.test('then a call in time is answered', async (t) => {
      const { answer } = await ask('fill');
      t.equal(answer.status, 200);
    });
  });
}
