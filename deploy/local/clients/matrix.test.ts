/** The client matrix of docs/compatibility.md: each row runs the real package, unmodified. */
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { HumanMessage, ToolMessage } from '@langchain/core/messages';
import { ChatOpenAI } from '@langchain/openai';
import {
  Agent,
  tool as agentTool,
  OpenAIChatCompletionsModel,
  OpenAIResponsesModel,
  run,
  setTracingDisabled,
} from '@openai/agents';
import { createOpenRouter } from '@openrouter/ai-sdk-provider';
import { generateText, type LanguageModel, stepCountIs, streamText, tool } from 'ai';
import { generateText as generateText5, streamText as streamText5 } from 'ai5';
import {
  embedMany as embedMany7,
  generateText as generateText7,
  isStepCount as isStepCount7,
  streamText as streamText7,
  tool as tool7,
} from 'ai7';
import OpenAI6 from 'openai';
import { createOpenAICompatible as createOpenAICompatible1 } from 'openai-compatible1';
import { createOpenAI as createOpenAI4 } from 'openai-provider4';
import OpenAI4 from 'openai4';
import OpenAI5 from 'openai5';
import OpenAI7 from 'openai7';
import t, { type Test } from 'tap';
import { z } from 'zod';
import { startInstallation } from '../installation.fixture.ts';
import { NO_BROWSER, openPage, servePage } from './browser.fixture.ts';

const origin = await servePage(t);
const { customer, keyOf, url } = await startInstallation(t, 'default', { CORS_ORIGINS: origin });
const key = await keyOf(await customer('pro'));
const baseURL = `${url}/v1`;
const options = { apiKey: key, baseURL, maxRetries: 0 };

const MODEL = 'gpt-4o-mini';
const CLAUDE = 'claude-haiku-4-5';
const QUESTION = 'Use get_weather for Paris';
const WEATHER = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'The weather of a city.',
    parameters: { type: 'object', properties: { city: { type: 'string' } } },
    parse: JSON.parse,
    function: () => 'sunny',
  },
} as const;

// The versions differ in types only; what they send is tested.
const VERSIONS = {
  openai4: OpenAI4,
  openai5: OpenAI5,
  openai6: OpenAI6,
  openai7: OpenAI7,
} as unknown as Record<string, typeof OpenAI6>;
for (const [name, Client] of Object.entries(VERSIONS)) {
  t.test(`${name}: chat, stream, tools, responses and models`, async (t) => {
    const client = new Client(options);
    for (const model of [MODEL, CLAUDE]) {
      const messages = [{ role: 'user' as const, content: 'Is it sunny?' }];
      const completion = await client.chat.completions.create({ model, messages });
      t.ok(completion.choices[0]?.message.content, model);
      const stream = await client.chat.completions.create({ model, messages, stream: true });
      let text = '';
      for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
      t.ok(text, model);
      // biome-ignore lint/suspicious/noExplicitAny: version 4 has it under beta
      const chat: any = name === 'openai4' ? (client as any).beta.chat : client.chat;
      const runner = chat.completions.runTools({
        model,
        messages: [{ role: 'user', content: QUESTION }],
        tools: [WEATHER],
      });
      t.match(await runner.finalContent(), /sunny/, model);
      const response = await client.responses.create({ model, input: 'Is it sunny?' });
      t.ok(response.output_text, model);
    }
    const { data } = await client.models.list();
    t.ok(data.some(({ id }) => id === MODEL));
  });
}

const weather = tool({
  description: 'The weather of a city.',
  inputSchema: z.object({ city: z.string() }),
  execute: async () => 'sunny',
});

async function useAiSdk(t: Test, model: LanguageModel): Promise<void> {
  const whole = await generateText({ model, prompt: 'Is it sunny?', maxRetries: 0 });
  t.ok(whole.text);
  t.ok((whole.usage.inputTokens ?? 0) > 0);
  const streamed = streamText({ model, prompt: 'Is it sunny?', maxRetries: 0 });
  t.ok(await streamed.text);
  t.ok(((await streamed.usage).outputTokens ?? 0) > 0);
  const tools = { get_weather: weather };
  const asked = { model, tools, prompt: QUESTION, stopWhen: stepCountIs(3), maxRetries: 0 };
  t.match((await generateText(asked)).text, /sunny/);
  t.match(await streamText(asked).text, /sunny/);
}

t.test('AI SDK 6 with openai-compatible: chat, stream and tools', async (t) => {
  const provider = createOpenAICompatible({ name: 'inkmeter', apiKey: key, baseURL, includeUsage: true });
  await useAiSdk(t, provider(MODEL));
  await useAiSdk(t, provider(CLAUDE));
});

t.test('AI SDK 6 with openai, which uses responses: stored, stream and tools', async (t) => {
  const provider = createOpenAI({ apiKey: key, baseURL });
  await useAiSdk(t, provider(MODEL));
  await useAiSdk(t, provider(CLAUDE));
});

t.test('AI SDK 6 with anthropic: messages, stream and tools', async (t) => {
  const provider = createAnthropic({ apiKey: key, baseURL });
  await useAiSdk(t, provider(CLAUDE));
  await useAiSdk(t, provider(MODEL));
});

t.test('AI SDK 6 with openrouter: chat, stream and tools', async (t) => {
  const provider = createOpenRouter({ apiKey: key, baseURL, compatibility: 'strict' });
  await useAiSdk(t, provider.chat(MODEL) as LanguageModel);
});

t.test('AI SDK 7 with openai: responses, chat, streams, tools and embeddings', async (t) => {
  const provider = createOpenAI4({ apiKey: key, baseURL });
  const tools = {
    get_weather: tool7({
      description: 'The weather of a city.',
      inputSchema: z.object({ city: z.string() }),
      execute: async () => 'sunny',
    }),
  };
  for (const model of [provider(MODEL), provider.chat(MODEL), provider(CLAUDE), provider.chat(CLAUDE)]) {
    const plain = { model, prompt: 'Is it sunny?', maxRetries: 0 };
    const whole = await generateText7(plain);
    t.ok(whole.text);
    t.ok((whole.usage.inputTokens ?? 0) > 0);
    t.ok(await streamText7(plain).text);
    const asked = { model, tools, prompt: QUESTION, stopWhen: isStepCount7(3), maxRetries: 0 };
    t.match((await generateText7(asked)).text, /sunny/);
    t.match(await streamText7(asked).text, /sunny/);
  }
  const { embeddings, usage } = await embedMany7({
    model: provider.embedding('text-embedding-3-small'),
    values: ['Ink is wet.', 'Water is wet.'],
  });
  t.strictSame(
    embeddings.map(({ length }) => length),
    [1536, 1536],
  );
  t.ok(usage.tokens > 0);
});

t.test('AI SDK 5 with openai-compatible: chat and stream', async (t) => {
  const model = createOpenAICompatible1({ name: 'inkmeter', apiKey: key, baseURL })(MODEL);
  t.ok((await generateText5({ model, prompt: 'Is it sunny?', maxRetries: 0 })).text);
  t.ok(await streamText5({ model, prompt: 'Is it sunny?', maxRetries: 0 }).text);
});

t.test('OpenAI Agents: an agent with a tool, over responses and over chat', async (t) => {
  setTracingDisabled(true);
  const client = new OpenAI6(options);
  for (const model of [
    new OpenAIResponsesModel(client, MODEL),
    new OpenAIChatCompletionsModel(client, MODEL),
  ]) {
    const agent = new Agent({
      name: 'Forecaster',
      instructions: 'Be brief.',
      model,
      tools: [
        agentTool({
          name: 'get_weather',
          description: 'The weather of a city.',
          parameters: z.object({ city: z.string() }),
          execute: async () => 'sunny',
        }),
      ],
    });
    t.match((await run(agent, QUESTION)).finalOutput, /sunny/);
    const streamed = await run(agent, QUESTION, { stream: true });
    for await (const _ of streamed);
    t.match(streamed.finalOutput, /sunny/);
  }
});

t.test('LangChain: a tool call, and its result in a named message', async (t) => {
  for (const model of [MODEL, CLAUDE]) {
    const chat = new ChatOpenAI({ model, apiKey: key, maxRetries: 0, configuration: { baseURL } });
    const { function: definition } = WEATHER;
    const { name, description, parameters } = definition;
    const bound = chat.bindTools([{ type: 'function', function: { name, description, parameters } }]);
    const question = new HumanMessage(QUESTION);
    const called = await bound.invoke([question]);
    const [call] = called.tool_calls ?? [];
    t.equal(call?.name, name, model);
    const result = new ToolMessage({ content: 'sunny', tool_call_id: call?.id ?? '', name });
    t.match((await bound.invoke([question, called, result])).text, /sunny/, model);
    let text = '';
    for await (const chunk of await chat.stream('Is it sunny?')) text += chunk.text;
    t.ok(text, model);
  }
});

t.test('openai 6 in a browser, from an allowed origin and from another', { skip: NO_BROWSER }, async (t) => {
  const page = await openPage(t, origin);
  /** Runs in the page, which has no modules of the test. */
  const chat = async ({ apiKey, baseURL, model }: { apiKey: string; baseURL: string; model: string }) => {
    const sdk = '/openai/index.mjs';
    const { default: OpenAI } = (await import(sdk)) as { default: typeof OpenAI6 };
    const client = new OpenAI({ apiKey, baseURL, maxRetries: 0, dangerouslyAllowBrowser: true });
    const messages = [{ role: 'user' as const, content: 'Is it sunny?' }];
    const { data: whole, response } = await client.chat.completions
      .create({ model, messages }, { headers: { 'idempotency-key': 'from-a-browser' } })
      .withResponse();
    let streamed = '';
    const stream = await client.chat.completions.create({ model, messages, stream: true });
    for await (const chunk of stream) streamed += chunk.choices[0]?.delta.content ?? '';
    const refused = await client.chat.completions.create({ model: 'no-such-model', messages }).catch(String);
    return {
      whole: whole.choices[0]?.message.content,
      streamed,
      cost: response.headers.get('x-inkmeter-cost-usd'),
      refused: String(refused),
    };
  };
  const answer = await page.evaluate(chat, { apiKey: key, baseURL, model: MODEL });
  t.ok(answer.whole);
  t.equal(answer.streamed, answer.whole);
  t.match(answer.cost, /^0\.\d{9}$/);
  t.match(answer.refused, /404 .*no-such-model/);

  const other = await openPage(t, (await servePage(t)).replace('127.0.0.1', 'localhost'));
  await t.rejects(other.evaluate(chat, { apiKey: key, baseURL, model: MODEL }), /Connection error/);
});
