import t from 'tap';
import { until } from '#libs/jobs/fixtures.ts';
import { createTestSocial } from './social.fixture.ts';

const POSTS = '/api/social/posts';
const HOUR_MS = 3_600_000;

t.test('given workers on two replicas and a scheduled post', async (t) => {
  const social = await createTestSocial(t, { instances: 2 });
  // The queue uses the time of the database.
  social.clock.set(new Date());
  const inAnHour = () => new Date(social.clock.now().getTime() + HOUR_MS);
  const connection = await social.call('POST', '/api/social/connections', {
    body: { platform: 'twitter', handle: 'inkmeter', credentials: 'token' },
  });
  const schedule = async (text: string, at: Date) => {
    const { body } = await social.call('POST', POSTS, {
      body: {
        connection_id: connection.body.id,
        text,
        action: 'schedule',
        scheduled_at: at.toISOString(),
      },
    });
    return body.id as string;
  };
  const scheduledAt = inAnHour();
  const id = await schedule('Ink flows.', scheduledAt);
  const jobs = async (key = id) =>
    (
      await social.pool.query(
        `SELECT id::text, task_identifier AS task, run_at, last_error FROM graphile_worker.jobs WHERE key = $1`,
        [key],
      )
    ).rows;
  const dispatch = async (key = id) => {
    const [job] = await jobs(key);
    await social.pool.query('SELECT graphile_worker.reschedule_jobs(ARRAY[$1::bigint], now())', [job.id]);
    await until(async () => (await jobs(key)).length === 0);
  };
  social.startWorkers();

  await t.test('then it has one job, for its time', async (t) => {
    t.match(await jobs(), [{ task: 'publish-post', run_at: scheduledAt, last_error: null }]);
    t.strictSame(await social.published(), []);
  });

  await t.test('when it is due, then a worker publishes it once', async (t) => {
    social.clock.advance(HOUR_MS);
    await dispatch();
    t.match((await social.call('GET', `${POSTS}/${id}`)).body, { state: 'published', failure: null });
    t.match(await social.published(), [{ platform: 'twitter', text: 'Ink flows.' }]);
  });

  await t.test('when a post was cancelled, then its job does nothing', async (t) => {
    const cancelled = await schedule('Not this one.', inAnHour());
    t.equal((await social.call('DELETE', `${POSTS}/${cancelled}`)).status, 204);
    social.clock.advance(HOUR_MS);
    await dispatch(cancelled);
    t.equal((await social.published()).length, 1);
  });
});
