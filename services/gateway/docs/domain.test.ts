import { globSync, readFileSync } from 'node:fs';
import t from 'tap';
import { OPERATIONS } from '../openapi/domain.ts';
import { describeMissingRoute } from './domain.ts';

t.test('a missing route is named, with what to use instead', async (t) => {
  const rows: [method: string, path: string, message: string][] = [
    ['GET', '/v1/nothing', 'There is no GET /v1/nothing. The API reference is at /docs.'],
    ['POST', '/v1/images/edits', 'There is no POST /v1/images/edits. Use POST /v1/images/generations.'],
    [
      'POST',
      '/v1/v1/messages',
      'There is no POST /v1/v1/messages. The path has its version twice: remove it from the base URL.',
    ],
    ['POST', '/chat/completions', 'There is no POST /chat/completions. Add /v1 to the base URL.'],
    ['GET', '/v1/files', 'There is no GET /v1/files. Send the content inside the request.'],
    [
      'GET',
      '/v1/audio/speech',
      'There is no GET /v1/audio/speech. Use POST /v1/audio/transcriptions or POST /v1/audio/speech.',
    ],
    [
      'POST',
      '/v1/audio/translations',
      'There is no POST /v1/audio/translations. Use POST /v1/audio/transcriptions, and translate its text with a chat.',
    ],
    [
      'POST',
      '/v1beta/models/imagen-4.0-generate-001:predict',
      'There is no POST /v1beta/models/imagen-4.0-generate-001:predict. Use POST /v1/images/generations.',
    ],
    [
      'POST',
      '/upload/v1beta/files',
      'There is no POST /upload/v1beta/files. Send the content as inlineData.',
    ],
    ['POST', '/v1/threads/t/runs', 'There is no POST /v1/threads/t/runs. Use POST /v1/responses.'],
  ];
  for (const [method, path, message] of rows) t.equal(describeMissingRoute(method, path), message);
});

t.test("every path of the vendors' SDKs is served, or its message says what to use", async (t) => {
  const served = Object.values(OPERATIONS)
    .flat()
    .map(({ path }) => new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`));
  const sdks: [files: string, pattern: RegExp, prefix: string][] = [
    ['openai/resources/**/*.mjs', /_client\.\w+\((?:path)?['`](\/[^'`]+)/g, '/v1'],
    ['@anthropic-ai/sdk/resources/**/*.mjs', /_client\.\w+\((?:path)?['`](\/v1\/[^'`]+)/g, ''],
    ['@google/genai/dist/node/index.mjs', /formatMap\('([^'{][^']*)'/g, '/v1beta/'],
  ];
  for (const [files, pattern, prefix] of sdks) {
    const paths = globSync(`node_modules/${files}`)
      .flatMap((file) => [...readFileSync(file, 'utf8').matchAll(pattern)])
      .map(([, path = '']) => prefix + path.replace(/\?.*/, '').replaceAll(/\$?\{[^}]*\}/g, 'x'));
    t.ok(paths.length > 5, files);
    for (const path of new Set(paths)) {
      if (served.some((one) => one.test(path))) continue;
      t.notMatch(describeMissingRoute('POST', path), /The API reference is at/, path);
    }
  }
});
