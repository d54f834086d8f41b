import { readFileSync } from 'node:fs';
import t from 'tap';
import { checkEmitted, EMITTED_IN } from './webhook-events.ts';

t.test('each event of the document is caused and checked by the test that is named for it', async (t) => {
  for (const [type, file] of Object.entries(EMITTED_IN)) {
    const text = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
    const checks = new RegExp(`(checkEventDocumented|checkEmitted|emitted)\\([^;]*'${type}'`);
    t.match(text, checks, `${type} in ${file}`);
  }
});

t.test('an event that differs, and one that is missing, fail the check', async (t) => {
  const event = {
    type: 'subscription.ended',
    payload: { plan: 'pro', next_plan: 'free', reason: 'cancelled' },
  };
  checkEmitted([event], ['subscription.ended']);
  t.throws(() => checkEmitted([event], ['subscription.changed']), /Not emitted: subscription.changed/);
  t.throws(() => checkEmitted([{ ...event, payload: { plan: 'pro' } }], []), /differs from the document/);
});
