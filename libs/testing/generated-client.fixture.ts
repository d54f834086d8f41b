/** A TypeScript client generated from `openapi.yaml`, as frontend teams do, and programs that use it. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import openapiTS, { astToString } from 'openapi-typescript';
import ts from 'typescript';
import type { TestScope } from './database.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const RUN_TIMEOUT_MS = 60_000;

const COMPILER_OPTIONS: ts.CompilerOptions = {
  noEmit: true,
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: true,
  verbatimModuleSyntax: true,
  allowImportingTsExtensions: true,
  target: ts.ScriptTarget.ESNext,
  module: ts.ModuleKind.NodeNext,
  types: ['node'],
  typeRoots: [path.join(ROOT, 'node_modules/@types')],
};

export type GeneratedClient = {
  /** The compiler's errors in a program that imports `paths` from `./api.ts`, as `line: message`. */
  check: (program: string) => Promise<string[]>;
  /** Runs a program as a process. Resolves with its output, parsed as JSON. */
  run: (program: string, variables: Readonly<Record<string, string>>) => Promise<unknown>;
};

/** Generates the client into a temporary folder, which is removed when the test ends. */
export async function generateClient(t: TestScope): Promise<GeneratedClient> {
  const folder = await mkdtemp(path.join(tmpdir(), 'inkmeter-client-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  await symlink(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'));
  await writeFile(path.join(folder, 'package.json'), '{"type":"module"}');
  const declarations = await openapiTS(pathToFileURL(path.join(ROOT, 'openapi.yaml')), {
    defaultNonNullable: false,
  });
  await writeFile(path.join(folder, 'api.ts'), astToString(declarations));

  const file = path.join(folder, 'program.ts');
  return {
    async check(program) {
      await writeFile(file, program);
      return ts
        .getPreEmitDiagnostics(ts.createProgram([file], COMPILER_OPTIONS))
        .map(
          (diagnostic) =>
            `${lineOf(diagnostic)}: ${ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n')}`,
        );
    },
    async run(program, variables) {
      await writeFile(file, program);
      const { stdout } = await promisify(execFile)(process.execPath, [file], {
        env: { ...process.env, ...variables },
        timeout: RUN_TIMEOUT_MS,
      });
      return JSON.parse(stdout);
    },
  };
}

function lineOf({ file, start }: ts.Diagnostic): number {
  return file === undefined ? 0 : file.getLineAndCharacterOfPosition(start ?? 0).line + 1;
}

/**
 * Signs up, reads the plan, generates content, reads its cost, and causes an error. Reads `BASE_URL` and `EMAIL`, and
 * prints a {@link ClientReport}.
 */
export const CLIENT_PROGRAM = String.raw`
import createClient from 'openapi-fetch';
import type { components, paths } from './api.ts';

const client = createClient<paths>({ baseUrl: process.env.BASE_URL ?? '' });

function must<T>(answer: { data?: T; error?: unknown; response: Response }): T {
  if (answer.data === undefined) throw new Error(answer.response.status + ' ' + JSON.stringify(answer.error));
  return answer.data;
}

const credentials = { email: process.env.EMAIL ?? '', password: 'correct horse battery' };
must(await client.POST('/api/auth/register', { body: credentials }));
const tokens = must(await client.POST('/api/auth/login', { body: credentials }));
const signedIn = { authorization: 'Bearer ' + tokens.access_token };
client.use({
  onRequest({ request }) {
    for (const [name, value] of Object.entries(signedIn)) request.headers.set(name, value);
  },
});

const me = must(await client.GET('/api/me'));
const key: components['schemas']['CreatedApiKey'] = must(
  await client.POST('/api/api-keys', { body: { name: 'robot' } }),
);
const models = must(await client.GET('/v1/models'));

const chat = await client.POST('/v1/chat/completions', {
  body: { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Name a use of ink.' }], max_tokens: 50 },
});
const completion = must(chat);
if (typeof completion === 'string') throw new Error('asked for no stream');

const stream = await client.POST('/v1/chat/completions', {
  body: { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Name a use of ink.' }], stream: true },
  headers: { accept: 'text/event-stream' },
  parseAs: 'text',
});

const usage = must(await client.GET('/api/subscription/usage'));
const request_id = chat.response.headers.get('x-request-id') ?? '';
const request = must(await client.GET('/api/usage/requests/{request_id}', { params: { path: { request_id } } }));

const missing = await client.GET('/api/api-keys/{id}', { params: { path: { id: crypto.randomUUID() } } });
const problem = missing.error;
// The fields of a problem follow from its code.
if (problem?.code === 'rate_limited') console.error(problem.policy);
if (problem?.code === 'insufficient_scope') console.error(problem.required_scope);

console.log(
  JSON.stringify({
    role: me.role,
    keyPrefix: key.prefix,
    models: models.data.map(({ id }) => id),
    content: completion.choices[0]?.message.content,
    costUsd: chat.response.headers.get('x-inkmeter-cost-usd'),
    streamEnd: stream.data?.toString().trimEnd().split('\n').at(-1),
    status: usage.data.status,
    decision: request.decision.verdict,
    problem: problem?.code,
  }),
);
`;

/** The output of {@link CLIENT_PROGRAM}. */
export type ClientReport = {
  role: string;
  keyPrefix: string;
  models: string[];
  content: string;
  costUsd: string | null;
  streamEnd: string;
  status: string;
  decision: string;
  problem: string;
};
