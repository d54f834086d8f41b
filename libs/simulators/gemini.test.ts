import {
  FunctionCallingMode,
  type GenerativeModel,
  GoogleGenerativeAI,
  type ModelParams,
  SchemaType,
} from '@google/generative-ai';
import t from 'tap';
import { startProviderSimulator } from './provider-simulator.ts';

const simulator = await startProviderSimulator();
t.teardown(() => simulator.close());
t.beforeEach(() => simulator.witness.reset());

const modelOf = (params: Partial<ModelParams> = {}, directives = '', key = 'test'): GenerativeModel =>
  new GoogleGenerativeAI(key).getGenerativeModel(
    { model: 'gemini-2.0-flash', ...params },
    { baseUrl: `${simulator.url}/gemini`, customHeaders: directives ? { 'x-simulate': directives } : {} },
  );

const weatherTool = {
  functionDeclarations: [
    {
      name: 'get_weather',
      parameters: {
        type: SchemaType.OBJECT as const,
        properties: { city: { type: SchemaType.STRING as const } },
        required: ['city'],
      },
    },
  ],
};

/** What an SDK's error must show; tap's types know the fields of `Error` only. */
const failure = (fields: object) => fields as Error;

async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

t.test('answers a plain request, with usage that the witness agrees with', async (t) => {
  const { response } = await modelOf().generateContent('Tell me about tea gardens');
  t.match(response.text(), /tea gardens/i);
  t.match(simulator.witness.calls(), [
    {
      provider: 'gemini',
      model: 'gemini-2.0-flash',
      complete: true,
      usage: {
        input: response.usageMetadata?.promptTokenCount,
        output: response.usageMetadata?.candidatesTokenCount,
      },
    },
  ]);
});

t.test('streams the same text and counts up to the same usage', async (t) => {
  const plain = await modelOf().generateContent('Tell me about tea gardens');
  const { stream } = await modelOf().generateContentStream('Tell me about tea gardens');
  const chunks = await collect(stream);
  t.ok(chunks.length > 2);
  t.equal(chunks.map((chunk) => chunk.text()).join(''), plain.response.text());
  t.equal(chunks.at(-1)?.candidates?.[0]?.finishReason, 'STOP');
  t.strictSame(chunks.at(-1)?.usageMetadata, plain.response.usageMetadata);
});

t.test('counts thoughts separately from the candidates, inside the cap', async (t) => {
  const model = modelOf({ model: 'gemini-2.5-flash', generationConfig: { maxOutputTokens: 60 } });
  const { response } = await model.generateContent('Write a blog article');
  t.match(response.usageMetadata, { candidatesTokenCount: 30, thoughtsTokenCount: 30 });
  t.equal(response.candidates?.[0]?.finishReason, 'MAX_TOKENS');
});

t.test('calls a function, plain and streamed, then quotes its result', async (t) => {
  const question = 'Use get_weather for Oslo';
  const plain = await modelOf({ tools: [weatherTool] }).generateContent(question);
  t.match(plain.response.functionCalls(), [{ name: 'get_weather', args: { city: String } }]);
  const any = { functionCallingConfig: { mode: FunctionCallingMode.ANY } };
  const streamed = await modelOf({ tools: [weatherTool], toolConfig: any }).generateContentStream('Hello');
  t.match((await streamed.response).functionCalls(), [{ name: 'get_weather' }]);

  const chat = modelOf({ tools: [weatherTool] }).startChat();
  await chat.sendMessage(question);
  const { response } = await chat.sendMessage([
    { functionResponse: { name: 'get_weather', response: { weather: 'Rain' } } },
  ]);
  t.match(response.text(), /Rain/);
});

t.test('answers JSON that fits the schema', async (t) => {
  const responseSchema = {
    type: SchemaType.OBJECT as const,
    properties: { title: { type: SchemaType.STRING as const }, score: { type: SchemaType.INTEGER as const } },
    required: ['title', 'score'],
  };
  const generationConfig = { responseMimeType: 'application/json', responseSchema };
  const { response } = await modelOf({ generationConfig }).generateContent('Rate tea gardens');
  t.match(JSON.parse(response.text()), { title: String, score: Number });
});

t.test('charges a fixed price for an image in the prompt', async (t) => {
  const image = { inlineData: { mimeType: 'image/png', data: 'AAAA' } };
  const { response } = await modelOf().generateContent(['Look', image]);
  t.equal(response.usageMetadata?.promptTokenCount, 259);
});

t.test('fails as the vendor does, and 429 passes after its attempts', async (t) => {
  const rejects = (status: number, directives: string) =>
    t.rejects(modelOf({}, directives).generateContent('Hello'), failure({ status }));
  await rejects(500, 'status=500');
  await rejects(503, 'status=503');
  await rejects(404, 'status=404');
  await t.rejects(modelOf({}, '', 'sk-invalid').generateContent('Hello'), failure({ status: 401 }));
  await t.rejects(
    modelOf({}, '429x1,id=g').generateContent('Hello'),
    failure({
      status: 429,
      errorDetails: [{ retryDelay: '1s' }],
    }),
  );
  t.ok((await modelOf({}, '429x1,id=g').generateContent('Hello')).response.text());
  await t.rejects(
    modelOf({ model: 'gemini-2.0-flash%23fault=status=503' }).generateContent('Hello'),
    failure({
      status: 503,
    }),
  );
});

t.test('breaks a stream off, sends what is no JSON, hangs', async (t) => {
  const stream = async (directives: string) => {
    const { stream, response } = await modelOf({}, directives).generateContentStream('Hello');
    response.catch(() => {}); // the SDK rejects both
    return collect(stream);
  };
  await t.rejects(stream('chunks=10,cut=3'));
  await t.rejects(stream('malformed'), /Error parsing JSON/);
  await t.rejects(modelOf({}, 'malformed').generateContent('Hello'), SyntaxError);

  const abort = new AbortController();
  const hanging = modelOf({}, 'hang').generateContent('Hello', { signal: abort.signal });
  const rejected = t.rejects(hanging, /aborted/);
  await simulator.witness.arrived(4);
  abort.abort();
  await rejected;
});

t.test('blocks what is moderated', async (t) => {
  const { response } = await modelOf({}, 'moderated').generateContent('Hello');
  t.equal(response.candidates?.[0]?.finishReason, 'SAFETY');
  t.throws(() => response.text(), /SAFETY/);
});
