import t from 'tap';
import { problem } from '#libs/problems/problems.ts';
import { CALLER } from '../fixtures.ts';
import { type SubmitOptions, submit } from './submit-routes.ts';

const ID = '0190a1b2-0000-7000-8000-00000000e001';

t.test('given no job and a hold that cannot be released, then the reason is the answer', async (t) => {
  const released: string[] = [];
  const options = {
    ledger: {
      close: async ({ holdId }: { holdId: string }) => {
        released.push(holdId);
        throw new Error('another transaction has locked the account');
      },
    },
    moderate: async () => {
      throw problem('metering_unavailable');
    },
  } as unknown as SubmitOptions;
  const head = { requestId: ID, caller: CALLER, plan: { kind: 'job', calls: [] } } as never;
  const body = { topic: 'x', content_types: ['social'], inputs: {} };
  await t.rejects(submit(options, head, body), { code: 'metering_unavailable', status: 503 });
  t.strictSame(released, [ID]);
});
