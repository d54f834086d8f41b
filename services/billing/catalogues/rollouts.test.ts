import t from 'tap';
import { type Rollout, type RolloutPorts, runRollout } from './rollouts.ts';

const rollout: Rollout = {
  id: 'r1',
  kind: 'guard_rail',
  subject: 'global',
  migration: null,
  state: 'running',
  accountsTotal: 250,
  accountsDone: 0,
  accountsFailed: 0,
  lastAccountId: null,
  author: 'test',
  createdAt: new Date(0),
  finishedAt: null,
};
const accounts = Array.from({ length: 250 }, (_, index) => String(index).padStart(3, '0'));

function portsWith(overrides: Partial<RolloutPorts>) {
  const seen = {
    applied: [] as string[],
    steps: [] as unknown[],
    ended: [] as string[],
    failed: [] as string[],
  };
  const ports: RolloutPorts = {
    nextAccounts: async (_rollout, after, limit) =>
      accounts.filter((id) => after === null || id > after).slice(0, limit),
    apply: async (_rollout, id) => void seen.applied.push(id),
    advance: async (_id, step) => seen.steps.push(step) > 0,
    finish: async () => void seen.ended.push('finished'),
    release: async () => void seen.ended.push('released'),
    onFailure: (_rollout, id) => void seen.failed.push(id),
    ...overrides,
  };
  return { ports, seen };
}
const never = new AbortController().signal;

t.test('it reaches every account once, batch by batch', async (t) => {
  const { ports, seen } = portsWith({});
  await runRollout(rollout, ports, never);
  t.strictSame([...seen.applied].sort(), accounts);
  t.strictSame(seen.steps, [
    { done: 100, failed: 0, lastAccountId: '099' },
    { done: 100, failed: 0, lastAccountId: '199' },
    { done: 50, failed: 0, lastAccountId: '249' },
  ]);
  t.strictSame(seen.ended, ['finished']);
});

t.test('it goes on from where another process left it', async (t) => {
  const { ports, seen } = portsWith({});
  await runRollout({ ...rollout, lastAccountId: '239' }, ports, never);
  t.strictSame([...seen.applied].sort(), accounts.slice(240));
});

t.test('an account that fails is counted, and keeps nobody waiting', async (t) => {
  const { ports, seen } = portsWith({
    apply: async (_rollout, id) => {
      if (id === '007') throw new Error('no');
    },
  });
  await runRollout(rollout, ports, never);
  t.strictSame(seen.steps[0], { done: 99, failed: 1, lastAccountId: '099' });
  t.strictSame(seen.failed, ['007']);
  t.strictSame(seen.ended, ['finished']);
});

t.test('one that was taken over ends without a word', async (t) => {
  const { ports, seen } = portsWith({ advance: async () => false });
  await runRollout(rollout, ports, never);
  t.strictSame([...seen.applied].sort(), accounts.slice(0, 100));
  t.strictSame(seen.ended, []);
});

t.test('a process that stops finishes its batch and leaves the rest to others', async (t) => {
  const stopping = new AbortController();
  const { ports, seen } = portsWith({ apply: async () => stopping.abort() });
  await runRollout(rollout, ports, stopping.signal);
  t.equal(seen.steps.length, 1);
  t.strictSame(seen.ended, ['released']);
});
