/**
 * Clients that generators write from `openapi.yaml`, for `npm run clients`: each is compiled by TypeScript in strict mode,
 * with everything that was generated, and makes a paid call and reads the usage.
 */
import { readFileSync } from 'node:fs';
import type { Recipe } from './client-recipe.ts';

type Generator = Pick<Recipe, 'name' | 'packages'> & {
  /** The generator's program and its arguments; it writes `client.ts` or the folder `client`. */
  generate: readonly string[];
  /** Imports, and the options of the generated client. */
  setUp: string;
  /** Expressions for the text of a chat with `request`, and for the limits of the account. */
  text: string;
  limits: string;
};

const COMPILER_OPTIONS = {
  strict: true,
  target: 'es2023',
  module: 'esnext',
  moduleResolution: 'bundler',
  lib: ['es2023', 'dom', 'dom.iterable'],
  types: ['node'],
  skipLibCheck: true,
  noEmit: true,
};
const OPENAPI = new URL('../openapi.yaml', import.meta.url);

function generated({ name, packages, generate, setUp, text, limits }: Generator): Recipe {
  return {
    name,
    packages: [...packages, 'typescript@5.9.3', '@types/node@26.6.6', 'esbuild@0.28.2'],
    task: 'generates a client that compiles, chats and reads its limits',
    files: () => ({
      'openapi.yaml': readFileSync(OPENAPI, 'utf8'),
      'tsconfig.json': JSON.stringify({ compilerOptions: COMPILER_OPTIONS, files: ['run.ts'] }),
      'run.ts': `${setUp}
const request = {
  model: 'gpt-4o-mini',
  messages: [{ role: 'user' as const, content: 'Name three uses of a fountain pen.' }],
};
const text = ${text};
const limits = ${limits};
console.log(text, limits.length);
`,
      'run.mjs': `import { execFileSync } from 'node:child_process';
const run = ([program, ...options]) => execFileSync('node_modules/.bin/' + program, options, { stdio: 'inherit' });
run(${JSON.stringify(generate)});
run(['tsc', '-p', '.']);
run(['esbuild', 'run.ts', '--bundle', '--platform=node', '--format=esm', '--outfile=bundle.mjs', '--log-level=error']);
await import('./bundle.mjs');
`,
    }),
    env: ({ url, key }) => ({ SERVER_URL: url, SERVER_KEY: key }),
    command: () => ['node', 'run.mjs'],
    expected: /fountain[\s\S]* [1-9]\d*$/im,
  };
}

const SERVER = "const { SERVER_URL: url = '', SERVER_KEY: key = '' } = process.env;";

export const GENERATORS: readonly Recipe[] = [
  generated({
    name: 'openapi-typescript',
    packages: ['openapi-typescript@7.13.0', 'openapi-fetch@0.17.0'],
    generate: ['openapi-typescript', 'openapi.yaml', '-o', 'client.ts'],
    setUp: `import createClient from 'openapi-fetch';
import type { paths } from './client';
${SERVER}
const client = createClient<paths>({ baseUrl: url, headers: { authorization: 'Bearer ' + key } });`,
    text: "JSON.stringify((await client.POST('/v1/chat/completions', { body: request })).data)",
    limits: "(await client.GET('/api/subscription/usage')).data?.data.limits ?? []",
  }),
  generated({
    name: 'orval',
    packages: ['orval@8.38.0'],
    generate: ['orval', '--input', 'openapi.yaml', '--output', 'client.ts', '--client', 'fetch'],
    setUp: `import { createChatCompletion, getUsage } from './client';
${SERVER}
const options = { headers: { authorization: 'Bearer ' + key } };
const base = fetch;
globalThis.fetch = (path, init) => base(url + String(path), init);
const chat = async (asked: Parameters<typeof createChatCompletion>[0]) => {
  const { data } = await createChatCompletion(asked, options);
  return typeof data === 'object' && 'choices' in data ? data.choices[0]?.message.content : JSON.stringify(data);
};
const usage = async () => {
  const answer = await getUsage(options);
  return answer.status === 200 ? answer.data.data.limits : [];
};`,
    text: 'await chat(request)',
    limits: 'await usage()',
  }),
  generated({
    name: '@hey-api/openapi-ts',
    packages: ['@hey-api/openapi-ts@0.99.0'],
    generate: ['openapi-ts', '-i', 'openapi.yaml', '-o', 'client'],
    setUp: `import { createChatCompletion, getUsage } from './client';
import { client } from './client/client.gen';
${SERVER}
client.setConfig({ baseUrl: url, auth: key });`,
    text: 'JSON.stringify((await createChatCompletion({ body: request })).data)',
    limits: '(await getUsage()).data?.data.limits ?? []',
  }),
  generated({
    name: 'openapi-typescript-codegen',
    packages: ['openapi-typescript-codegen@0.31.0'],
    generate: ['openapi', '-i', 'openapi.yaml', '-o', 'client'],
    setUp: `import { OpenAiCompatibleService, OpenAPI, UsageService } from './client';
${SERVER}
OpenAPI.BASE = url;
OpenAPI.TOKEN = key;`,
    text: '(await OpenAiCompatibleService.createChatCompletion(request)).choices[0]?.message.content',
    limits: '(await UsageService.getUsage()).data.limits',
  }),
];
