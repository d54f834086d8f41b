import t from 'tap';
import { describeMissingRoute } from './domain.ts';

t.test('a missing route is named, with what to use instead', async (t) => {
  const rows: [method: string, path: string, message: string][] = [
    ['GET', '/v1/nothing', 'There is no GET /v1/nothing. The API reference is at /docs.'],
    ['POST', '/v1/completions', 'There is no POST /v1/completions. Use POST /v1/chat/completions.'],
    ['POST', '/v1/audio/speech', 'There is no POST /v1/audio/speech. It is not built yet.'],
    ['POST', '/v1/threads/t/runs', 'There is no POST /v1/threads/t/runs. Use POST /v1/responses.'],
  ];
  for (const [method, path, message] of rows) t.equal(describeMissingRoute(method, path), message);
});
