import t from 'tap';
import type { InternalAnswer, InternalRequest } from '#libs/clients/internal-client.ts';
import { keyLimitsBody } from '#libs/contracts/key-limits.ts';
import { createSetKeyLimits } from './key-limits.ts';

const key = {
  accountId: '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d2f',
  keyId: '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d30',
  requestId: '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d31',
  limits: [{ meter: 'cost', window: 'month', amount: 25_500_000_000n }],
} as const;

t.test('asks billing in the words of the contract', async (t) => {
  const asked: InternalRequest[] = [];
  await createSetKeyLimits({
    async call(request) {
      asked.push(request);
      return { status: 204, headers: {}, body: undefined };
    },
  })(key);
  t.match(asked, [
    {
      method: 'PUT',
      path: `/internal/accounts/${key.accountId}/keys/${key.keyId}/limits`,
      requestId: key.requestId,
    },
  ]);
  t.strictSame(keyLimitsBody.parse(asked[0]?.body).limits, [
    { meter: 'cost', window: 'month', amount: '25500000000' },
  ]);
});

t.test('distinguishes invalid input from an internal failure', async (t) => {
  const answers = (call: () => Promise<InternalAnswer>) => createSetKeyLimits({ call })(key);
  const answer = (status: number, body: unknown) => async () => ({ status, headers: {}, body });
  const complaint = { code: 'semantic_error', detail: 'unicorns is not a meter.' };
  await t.rejects(answers(answer(422, complaint)), { code: 'semantic_error', message: complaint.detail });
  for (const failing of [
    answer(500, { code: 'internal_error', detail: 'no' }),
    answer(401, undefined),
    () => Promise.reject(new Error('refused')),
  ]) {
    await t.rejects(answers(failing), { code: 'service_unavailable' });
  }
});
