import t from 'tap';
import { listJobs, retryJob } from '#libs/contracts/jobs.ts';
import { enqueue } from '#libs/jobs/enqueue.ts';
import { ACCOUNT, createTestService, STAFF } from '../fixtures.ts';

const JOBS = '/api/admin/jobs';

t.test('given jobs in every state', async (t) => {
  const service = await createTestService(t);
  const { pool, database, call } = service;
  const add = (task: string) =>
    enqueue(database, task, { accountId: ACCOUNT, secret: 'a secret text' }, { maxAttempts: 3 });
  const fail = (id: string, error: string) =>
    pool.query(
      'UPDATE graphile_worker._private_jobs SET attempts = max_attempts, last_error = $2 WHERE id = $1',
      [id, error],
    );
  const failed = [await add('deliver-event'), await add('renew-subscriptions'), await add('deliver-event')];
  for (const id of failed) await fail(id, `refused Bearer abc.def ${'x'.repeat(600)}`);
  const queued = await add('deliver-event');
  const running = await add('deliver-event');
  await pool.query(
    `UPDATE graphile_worker._private_jobs SET locked_at = now(), locked_by = 'pool-a', attempts = 1 WHERE id = $1`,
    [running],
  );
  const list = async (query = '') => {
    const { body, status } = await call('GET', `${JOBS}${query}`, { as: 'support' });
    t.equal(status, 200);
    return listJobs.responses[200].schema.parse(body);
  };
  const idsOf = async (query: string) => (await list(query)).data.map(({ id }) => id);

  await t.test('then staff see the failed ones, newest first, without payloads and secrets', async (t) => {
    const { data, next_cursor } = await list();
    t.equal(next_cursor, null);
    t.strictSame(
      data.map(({ id }) => id),
      failed.toReversed(),
    );
    t.match(data[0], {
      task: 'deliver-event',
      state: 'failed',
      attempts: 3,
      max_attempts: 3,
      account_id: ACCOUNT,
    });
    t.match(data[0]?.last_error, /^refused Bearer \[redacted\] x{400}/);
    t.ok((data[0]?.last_error?.length ?? 0) <= 500);
    t.notMatch(JSON.stringify(data), 'a secret text');
  });

  await t.test('then they filter by task and state, and read page by page', async (t) => {
    t.strictSame(await idsOf('?task=renew-subscriptions'), [failed[1]]);
    t.strictSame(await idsOf('?state=queued'), [queued]);
    t.strictSame(await idsOf('?state=running'), [running]);
    const first = await list('?limit=2');
    t.strictSame(
      first.data.map(({ id }) => id),
      [failed[2], failed[1]],
    );
    t.equal(first.next_cursor, failed[1]);
    t.strictSame(await idsOf(`?limit=2&cursor=${first.next_cursor}`), [failed[0]]);
  });

  await t.test('then an admin retries a failed one, which is audited', async (t) => {
    const { status, body } = await call('POST', `${JOBS}/${failed[0]}/retry`, { as: 'admin' });
    t.equal(status, 200);
    t.match(retryJob.responses[200].schema.parse(body), { id: failed[0], state: 'queued', attempts: 0 });
    const { rows } = await pool.query('SELECT actor, action, subject, account_id, before FROM audit_log');
    t.match(rows, [
      {
        actor: STAFF,
        action: 'job.retried',
        subject: `job:${failed[0]}`,
        account_id: ACCOUNT,
        before: { task: 'deliver-event', attempts: 3 },
      },
    ]);
  });

  await t.test('then only a failed job can be retried, once', async (t) => {
    for (const id of [failed[0], queued, running]) {
      const { status, body } = await call('POST', `${JOBS}/${id}/retry`, { as: 'admin' });
      t.strictSame([status, body.code], [409, 'conflict']);
    }
    const answers = await Promise.all(
      [1, 2, 3].map(() => call('POST', `${JOBS}/${failed[1]}/retry`, { as: 'admin' })),
    );
    t.strictSame(answers.map(({ status }) => status).sort(), [200, 409, 409]);
    t.equal((await call('POST', `${JOBS}/999999/retry`, { as: 'admin' })).status, 404);
    t.equal((await pool.query('SELECT FROM audit_log')).rowCount, 2);
  });

  await t.test('then malformed input is refused', async (t) => {
    for (const query of [
      '?state=lost',
      '?task=A%20b',
      '?cursor=x',
      '?cursor=99999999999999999999',
      '?limit=0',
    ]) {
      const { status, body } = await call('GET', `${JOBS}${query}`, { as: 'support' });
      t.strictSame([status, body.code], [400, 'invalid_request'], query);
    }
    for (const id of ['x', '0', '-1', '99999999999999999999']) {
      const { status } = await call('POST', `${JOBS}/${id}/retry`, { as: 'admin' });
      t.equal(status, 400, id);
    }
  });

  await t.test('then failed jobs are deleted after 90 days', async (t) => {
    const old = await add('deliver-event');
    await fail(old, 'unreachable');
    await pool.query(
      `UPDATE graphile_worker._private_jobs SET updated_at = '2026-08-22T11:59:59Z' WHERE id = $1`,
      [old],
    );
    t.strictSame(await idsOf(''), [old, failed[2]]);
    await service.runTask('delete-failed-jobs');
    t.strictSame(await idsOf(''), [failed[2]]);
  });

  await t.test('then others see and change nothing', async (t) => {
    t.equal((await call('GET', JOBS)).status, 401);
    t.equal((await call('POST', `${JOBS}/${failed[2]}/retry`)).status, 401);
    for (const as of ['owner', 'member', 'key'] as const) {
      const { status, body } = await call('GET', JOBS, { as });
      t.strictSame([status, body.code], [403, 'platform_role_required'], as);
    }
    for (const as of ['owner', 'support'] as const)
      t.equal((await call('POST', `${JOBS}/${failed[2]}/retry`, { as })).status, 403, as);
    t.strictSame(await idsOf(''), [failed[2]]);
  });
});
