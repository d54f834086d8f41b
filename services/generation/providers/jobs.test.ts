import { createServer } from 'node:http';
import t from 'tap';
import { Agent } from 'undici';
import { createDatabase } from '#libs/db/database.ts';
import { createLogger } from '#libs/service/logger.ts';
import { createTestDatabase } from '#libs/testing/database.ts';
import { createFakeClock } from '#libs/testing/runtime.ts';
import { providerTasks } from './jobs.ts';

t.test('given vendors with lists of models, then each model is recorded, and when it was seen', async (t) => {
  const { pool } = await createTestDatabase(t);
  const lists: Record<string, unknown> = {
    '/openai/models': { object: 'list', data: [{ id: 'gpt-4o' }, { id: 'gpt-6' }, { id: 'gpt-6' }] },
    '/anthropic/v1/models': { data: [{ type: 'model', id: 'claude-sonnet-4-5' }], has_more: false },
    '/gemini/v1beta/models': { models: [{ name: 'models/gemini-2.5-pro' }] },
    '/xai/models': { error: 'down' },
  };
  const keys: Record<string, string | undefined> = {};
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '', 'http://vendor').pathname;
    const { authorization, 'x-api-key': anthropic, 'x-goog-api-key': google } = request.headers;
    keys[path] = authorization ?? String(anthropic ?? google);
    response.writeHead(path === '/xai/models' ? 500 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(lists[path] ?? {}));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const address = server.address() as { port: number };
  const dispatcher = new Agent();
  t.teardown(() => dispatcher.close());
  const access = Object.fromEntries(
    ['openai', 'anthropic', 'gemini', 'xai', 'tavily'].map((name) => [
      name,
      { baseUrl: `http://127.0.0.1:${address.port}/${name}`, apiKey: `key of ${name}` },
    ]),
  );
  const clock = createFakeClock();
  const lines: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line)) };
  const logger = createLogger({ name: 'test', level: 'info', destination });
  const [task] = providerTasks({ access, database: createDatabase(pool), dispatcher, clock });
  const run = () => task?.run({}, { signal: new AbortController().signal, logger });
  const seen = async () =>
    (
      await pool.query('SELECT provider, model, first_seen_at, seen_at FROM vendor_models ORDER BY 1, 2')
    ).rows.map((row) => [row.provider, row.model, row.first_seen_at.getDate(), row.seen_at.getDate()]);

  await run();
  t.strictSame(await seen(), [
    ['anthropic', 'claude-sonnet-4-5', 20, 20],
    ['gemini', 'gemini-2.5-pro', 20, 20],
    ['openai', 'gpt-4o', 20, 20],
    ['openai', 'gpt-6', 20, 20],
  ]);
  t.strictSame(keys, {
    '/openai/models': 'Bearer key of openai',
    '/anthropic/v1/models': 'key of anthropic',
    '/gemini/v1beta/models': 'key of gemini',
    '/xai/models': 'Bearer key of xai',
  });
  t.match(
    lines.filter(({ level }) => level === 'warn'),
    [{ msg: 'model list not read', provider: 'xai' }],
  );
  clock.advance(86_400_000);
  lists['/openai/models'] = { data: [{ id: 'gpt-6' }] };
  await run();
  t.strictSame((await seen()).slice(2), [
    ['openai', 'gpt-4o', 20, 20],
    ['openai', 'gpt-6', 20, 21],
  ]);
});
