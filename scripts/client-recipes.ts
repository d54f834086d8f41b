/** The clients of `npm run clients`: what to install, how to point it at the server, and a task. */
import { readFileSync } from 'node:fs';
import { GENERATORS } from './client-generators.ts';
import type { Recipe, Server } from './client-recipe.ts';

const QUESTION = 'Name three uses of a fountain pen.';
const FOUNTAIN = /fountain/i;
const TEXT_MODEL = 'gpt-4o-mini';
const CLAUDE = 'claude-haiku-4-5';
const EMBEDDER = 'text-embedding-3-small';
const OPENAPI = new URL('../openapi.yaml', import.meta.url);

const openAiEnv = ({ url, key }: Server) => ({ OPENAI_API_KEY: key, OPENAI_BASE_URL: `${url}/v1` });
const runScript = () => ['node', 'run.mjs'] as const;
const urlAndKey = ({ url, key }: Server) => ({ SERVER_URL: url, SERVER_KEY: key });
/** At the top of each script. */
const OPTIONS = 'const { SERVER_URL: url, SERVER_KEY: key } = process.env;\n';

/** Versions that the matrix of tests does not have. */
function aiSdk(version: string, packages: readonly string[]): Recipe {
  return {
    name: `AI SDK ${version}`,
    packages,
    task: 'answers, whole and streamed, over chat and responses',
    files: () => ({
      'run.mjs': `import { createOpenAI } from '@ai-sdk/openai';
import { generateText, streamText } from 'ai';
${OPTIONS}const provider = createOpenAI({ apiKey: key, baseURL: url + '/v1' });
const prompt = '${QUESTION}';
for (const model of [provider.chat('${TEXT_MODEL}'), provider.responses('${TEXT_MODEL}')]) {
  const { text } = await generateText({ model, prompt });
  let streamed = '';
  for await (const piece of streamText({ model, prompt }).textStream) streamed += piece;
  console.log(text === streamed, text.replaceAll('\\n', ' '));
}
`,
    }),
    env: urlAndKey,
    command: runScript,
    expected: /^true .*fountain.*\n+true .*fountain/im,
  };
}

export const RECIPES: readonly Recipe[] = [
  {
    name: 'Claude Code',
    packages: ['@anthropic-ai/claude-code@2.1.332'],
    task: 'reads a file with its tool (`claude -p`)',
    files: () => ({ 'notes.txt': 'Ink is wet.\n' }),
    env: ({ url, key }) => ({
      ANTHROPIC_BASE_URL: url,
      ANTHROPIC_API_KEY: key,
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      DISABLE_TELEMETRY: '1',
      DISABLE_AUTOUPDATER: '1',
    }),
    command: () => ['claude', '-p', 'Use Read for notes.txt', '--tools', 'Read', '--model', CLAUDE],
    expected: /The tool answered/,
  },
  {
    name: 'Codex',
    packages: ['@openai/codex@0.171.0'],
    task: 'answers a question (`codex exec`)',
    files: ({ url }) => ({
      'home/.codex/config.toml': `model = "gpt-5-mini"
model_provider = "inkmeter"

[model_providers.inkmeter]
name = "Inkmeter"
base_url = "${url}/v1"
env_key = "INKMETER_KEY"
wire_api = "responses"

[analytics]
enabled = false
`,
    }),
    env: ({ key }) => ({ INKMETER_KEY: key }),
    command: () => ['codex', 'exec', '--skip-git-repo-check', QUESTION],
    expected: FOUNTAIN,
  },
  {
    name: 'opencode',
    packages: ['opencode-ai@1.18.33'],
    task: 'answers a question (`opencode run`)',
    files: ({ url, key }) => ({
      'opencode.json': JSON.stringify({
        autoupdate: false,
        share: 'disabled',
        provider: {
          inkmeter: {
            npm: '@ai-sdk/openai-compatible',
            options: { baseURL: `${url}/v1`, apiKey: key },
            models: { [TEXT_MODEL]: {} },
          },
        },
      }),
    }),
    env: () => ({ OPENCODE_DISABLE_AUTOUPDATE: '1', OPENCODE_DISABLE_MODELS_FETCH: '1' }),
    command: () => ['opencode', 'run', '-m', `inkmeter/${TEXT_MODEL}`, QUESTION],
    expected: FOUNTAIN,
  },
  {
    name: 'Qwen Code',
    packages: ['@qwen-code/qwen-code@0.24.4'],
    task: 'calls a tool and reads its result (`qwen -p`)',
    env: (server) => ({ ...openAiEnv(server), OPENAI_MODEL: TEXT_MODEL, QWEN_TELEMETRY_ENABLED: 'false' }),
    command: () => ['qwen', '--auth-type', 'openai', '-p', QUESTION],
    expected: /The tool answered|fountain/i,
  },
  {
    name: 'promptfoo',
    packages: ['promptfoo@0.123.1'],
    task: 'evaluates chat, responses and messages, with embeddings as the judge',
    files: ({ url }) => ({
      'promptfooconfig.yaml': `prompts: ['Name three uses of {{thing}}.']
providers:
  - { id: 'openai:chat:${TEXT_MODEL}', config: { apiBaseUrl: ${url}/v1 } }
  - { id: 'openai:responses:${TEXT_MODEL}', config: { apiBaseUrl: ${url}/v1 } }
  - { id: 'anthropic:messages:${CLAUDE}', config: { apiBaseUrl: ${url} } }
tests:
  - vars: { thing: a fountain pen }
    assert:
      - { type: contains, value: fountain }
      - type: similar
        value: three uses of a fountain pen
        threshold: 0.1
        provider: { id: 'openai:embedding:${EMBEDDER}', config: { apiBaseUrl: ${url}/v1 } }
`,
    }),
    env: (server) => ({
      ...openAiEnv(server),
      ANTHROPIC_API_KEY: server.key,
      ANTHROPIC_BASE_URL: server.url,
      PROMPTFOO_DISABLE_TELEMETRY: '1',
      PROMPTFOO_DISABLE_UPDATE: '1',
      PROMPTFOO_DISABLE_REMOTE_GENERATION: '1',
    }),
    command: () => ['promptfoo', 'eval', '--no-cache', '--no-table'],
    expected: /3 passed \(100%\)/,
  },
  {
    name: 'openai 3',
    packages: ['openai@3.3.0'],
    task: 'chats, completes, embeds and draws',
    files: () => ({
      'run.mjs': `import { Configuration, OpenAIApi } from 'openai';
${OPTIONS}const client = new OpenAIApi(new Configuration({ apiKey: key, basePath: url + '/v1' }));
const messages = [{ role: 'user', content: '${QUESTION}' }];
const chat = await client.createChatCompletion({ model: '${TEXT_MODEL}', messages });
const completion = await client.createCompletion({ model: '${TEXT_MODEL}', prompt: '${QUESTION}', max_tokens: 200 });
const { data } = await client.createEmbedding({ model: '${EMBEDDER}', input: 'Ink' });
const image = await client.createImage({ prompt: 'A pen', n: 1, response_format: 'url' });
console.log(chat.data.choices[0].message.content, completion.data.choices[0].text);
console.log(data.data[0].embedding.length, new URL(image.data.data[0].url).pathname);
`,
    }),
    env: urlAndKey,
    command: runScript,
    expected: /fountain[\s\S]*^1536 \/api\/media\//m,
  },
  aiSdk('4', ['ai@4.3.19', '@ai-sdk/openai@1.3.24']),
  aiSdk('7', ['ai@7.0.173', '@ai-sdk/openai@4.0.118']),
  {
    name: 'LlamaIndex',
    packages: ['@llamaindex/openai@0.4.22', 'llamaindex@0.12.1'],
    task: 'chats, streams and embeds',
    files: () => ({
      'run.mjs': `import { OpenAIEmbedding, openai } from '@llamaindex/openai';
${OPTIONS}const options = { apiKey: key, baseURL: url + '/v1' };
const llm = openai({ ...options, model: '${TEXT_MODEL}' });
const messages = [{ role: 'user', content: '${QUESTION}' }];
const { message } = await llm.chat({ messages });
let text = '';
for await (const { delta } of await llm.chat({ stream: true, messages })) text += delta;
const vector = await new OpenAIEmbedding({ ...options, model: '${EMBEDDER}' }).getTextEmbedding('Ink');
console.log(message.content === text, text, vector.length);
`,
    }),
    env: urlAndKey,
    command: runScript,
    expected: /^true [\s\S]*fountain[\s\S]* 1536$/m,
  },
  {
    name: 'Mastra',
    packages: ['@mastra/core@1.71.0'],
    task: 'an agent answers, whole and streamed',
    files: () => ({
      'run.mjs': `import { Agent } from '@mastra/core/agent';
${OPTIONS}const model = { id: 'inkmeter/${TEXT_MODEL}', url: url + '/v1', apiKey: key };
const agent = new Agent({ id: 'writer', name: 'writer', instructions: 'Be brief.', model });
const { text } = await agent.generate('${QUESTION}');
let streamed = '';
for await (const piece of (await agent.stream('${QUESTION}')).textStream) streamed += piece;
console.log(text === streamed, text);
`,
    }),
    env: (server) => ({ ...urlAndKey(server), MASTRA_TELEMETRY_DISABLED: '1' }),
    command: runScript,
    expected: /^true [\s\S]*fountain/m,
  },
  {
    name: 'Genkit',
    packages: ['genkit@1.42.0', '@genkit-ai/google-genai@1.42.0', '@genkit-ai/compat-oai@1.42.0'],
    task: 'generates, streams and embeds over Google’s and OpenAI’s routes',
    files: () => ({
      'run.mjs': `import { openAI } from '@genkit-ai/compat-oai/openai';
import { googleAI } from '@genkit-ai/google-genai';
import { genkit } from 'genkit';
${OPTIONS}const ai = genkit({
  plugins: [googleAI({ apiKey: key, baseUrl: url }), openAI({ apiKey: key, baseURL: url + '/v1' })],
});
const prompt = '${QUESTION}';
const gemini = googleAI.model('gemini-2.5-flash');
const google = await ai.generate({ model: gemini, prompt });
const other = await ai.generate({ model: openAI.model('${TEXT_MODEL}'), prompt });
let text = '';
for await (const chunk of ai.generateStream({ model: gemini, prompt }).stream) text += chunk.text;
const [{ embedding }] = await ai.embed({ embedder: googleAI.embedder('gemini-embedding-001'), content: 'Ink' });
console.log(google.text === text, other.text, embedding.length);
`,
    }),
    env: urlAndKey,
    command: runScript,
    expected: /^true [\s\S]*fountain[\s\S]* 3072$/m,
  },
  {
    name: 'newman',
    packages: ['newman@6.2.2', 'openapi-to-postmanv2@6.3.3'],
    task: 'runs the examples of the vendors’ routes, from a Postman collection of `openapi.yaml`',
    files: () => ({
      'openapi.yaml': readFileSync(OPENAPI, 'utf8'),
      'run.mjs': `import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
${OPTIONS}const bin = 'node_modules/.bin/';
const folders = 'folderStrategy=Tags,parametersResolution=Example';
execFileSync(bin + 'openapi2postmanv2', ['-s', 'openapi.yaml', '-o', 'all.json', '-O', folders]);
const collection = JSON.parse(readFileSync('all.json', 'utf8'));
const isCheck = { listen: 'test', script: { exec: ["pm.test('succeeds', () => pm.response.to.be.success);"] } };
collection.item = collection.item.filter(({ name }) => /^(OpenAI|Anthropic|Gemini)-compatible$/.test(name));
for (const folder of collection.item) {
  folder.item = folder.item.filter(({ request }) => request.method === 'POST' && request.body?.mode === 'raw');
  for (const item of folder.item) {
    // one key for all requests would be a conflict
    item.request.header = item.request.header.filter(({ key }) => key !== 'idempotency-key');
    const model = /embed/i.test(item.name + item.request.url.path) ? 'gemini-embedding-001' : 'gemini-2.5-flash';
    item.request.url.path = item.request.url.path.map((part) => part.replace('{{model}}', model));
    item.event = [isCheck];
  }
}
writeFileSync('some.json', JSON.stringify(collection));
const variables = ['--env-var', 'baseUrl=' + url, '--env-var', 'bearerToken=' + key];
execFileSync(bin + 'newman', ['run', 'some.json', '--color', 'off', ...variables], { stdio: 'inherit' });
`,
    }),
    env: urlAndKey,
    command: runScript,
    expected: /assertions[^\n]*\b0 │?/,
  },
  {
    name: 'Prism',
    packages: ['@stoplight/prism-cli@5.16.0'],
    task: 'compares answers with `openapi.yaml` as a validating proxy',
    files: () => ({
      'openapi.yaml': readFileSync(OPENAPI, 'utf8'),
      'run.mjs': `import { spawn } from 'node:child_process';
${OPTIONS}const proxy = spawn('node_modules/.bin/prism', ['proxy', 'openapi.yaml', url, '--errors', '-p', '0']);
let log = '';
const address = await new Promise((resolve, reject) => {
  proxy.stdout.on('data', (chunk) => {
    log += chunk;
    const found = /listening on (http:\\/\\/\\S+)/.exec(log);
    if (found) resolve(found[1]);
  });
  proxy.on('exit', () => reject(new Error(log)));
});
const headers = { authorization: 'Bearer ' + key, 'content-type': 'application/json' };
const messages = [{ role: 'user', content: 'hi' }];
for (const [path, body] of [
  ['/v1/chat/completions', { model: '${TEXT_MODEL}', messages }],
  ['/v1/messages', { model: '${CLAUDE}', max_tokens: 50, messages }],
  ['/v1/embeddings', { model: '${EMBEDDER}', input: 'Ink' }],
  ['/v1/moderations', { input: 'Ink' }],
]) {
  const answer = await fetch(address + path, { method: 'POST', headers, body: JSON.stringify(body) });
  console.log(path, answer.status, answer.ok ? 'valid' : await answer.text());
}
proxy.kill();
`,
    }),
    env: urlAndKey,
    command: runScript,
    expected: /(?:\/v1\/\S+ 200 valid\s+){4}/,
  },
  {
    name: 'Spectral',
    packages: ['@stoplight/spectral-cli@6.16.3'],
    task: 'finds no errors in `openapi.yaml`',
    files: () => ({
      'openapi.yaml': readFileSync(OPENAPI, 'utf8'),
      '.spectral.yaml': 'extends: ["spectral:oas"]\n',
    }),
    command: () => ['spectral', 'lint', 'openapi.yaml', '--fail-severity=error'],
    expected: /\(0 errors|No results/,
  },
  ...GENERATORS,
];
