/** Both SDKs of Google against `/v1beta`, with the models of several providers. */
import { type Content, FunctionCallingConfigMode, GoogleGenAI, type Part, Type } from '@google/genai';
import { GoogleGenerativeAI, SchemaType } from '@google/generative-ai';
import t from 'tap';
import { mp3OfBytes, pdfOfPages, wavOfSeconds } from '#libs/simulators/vendor-tokens/fixtures.ts';
import { startInstallation } from '../installation.fixture.ts';

const { call, customer, keyOf, url, pool } = await startInstallation(t, 'default');
const buyer = await customer('pro');
const key = await keyOf(buyer);
const ai = new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl: url } });
const older = (model: string) =>
  new GoogleGenerativeAI(key).getGenerativeModel({ model }, { baseUrl: url, apiVersion: 'v1beta' });

const MODELS = ['gemini-2.5-flash', 'gpt-4o-mini', 'claude-haiku-4-5'];
const QUESTION = 'Is it sunny in Paris?';
const USE_TOOL = 'Use get_weather for Paris';
const WEATHER = {
  name: 'get_weather',
  description: 'The weather of a city.',
  parameters: {
    type: Type.OBJECT,
    properties: { city: { type: Type.STRING, nullable: true } },
    required: ['city'],
  },
};
const PIXEL =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

for (const model of MODELS) {
  t.test(`given @google/genai and ${model}, then contents are answered, whole and streamed`, async (t) => {
    const asked = {
      model,
      contents: QUESTION,
      config: {
        systemInstruction: 'Be brief.',
        temperature: 0.5,
        maxOutputTokens: 900,
        topK: 40,
        safetySettings: [],
      },
    };
    const whole = await ai.models.generateContent(asked);
    t.ok(whole.text);
    t.match(whole, { modelVersion: model, responseId: String });
    t.match(whole.candidates, [{ finishReason: 'STOP', content: { role: 'model' } }]);
    const { promptTokenCount = 0, candidatesTokenCount = 0, totalTokenCount } = whole.usageMetadata ?? {};
    t.ok(promptTokenCount > 0 && candidatesTokenCount > 0);
    const thoughts = whole.usageMetadata?.thoughtsTokenCount ?? 0;
    t.equal(totalTokenCount, promptTokenCount + candidatesTokenCount + thoughts);

    let text = '';
    let last: Awaited<ReturnType<typeof ai.models.generateContent>> | undefined;
    for await (const chunk of await ai.models.generateContentStream(asked)) {
      text += chunk.text ?? '';
      last = chunk;
    }
    t.equal(text, whole.text);
    t.match(last?.candidates, [{ finishReason: 'STOP' }]);
    t.equal(last?.usageMetadata?.candidatesTokenCount, candidatesTokenCount);
  });

  t.test(
    `given @google/genai, ${model} and a function, then it is called and its result is read`,
    async (t) => {
      const config = { tools: [{ functionDeclarations: [WEATHER] }] };
      const question: Content = { role: 'user', parts: [{ text: USE_TOOL }] };
      const whole = await ai.models.generateContent({ model, contents: [question], config });
      const streamed: Part[] = [];
      for await (const chunk of await ai.models.generateContentStream({
        model,
        contents: [question],
        config,
      })) {
        streamed.push(...(chunk.candidates?.[0]?.content?.parts ?? []));
      }
      for (const parts of [whole.candidates?.[0]?.content?.parts ?? [], streamed]) {
        const called = parts.find(({ functionCall }) => functionCall)?.functionCall;
        t.match(called, { name: 'get_weather', args: { city: String } });
        for (const id of [called?.id, undefined]) {
          const result = { ...(id && { id }), name: 'get_weather', response: { sky: 'sunny' } };
          const { text } = await ai.models.generateContent({
            model,
            contents: [
              question,
              { role: 'model', parts: id ? parts : [{ functionCall: { name: 'get_weather', args: {} } }] },
              { role: 'user', parts: [{ functionResponse: result }] },
            ],
            config,
          });
          t.match(text, /sunny/);
        }
      }
      const forced = await ai.models.generateContent({
        model,
        contents: 'Hello',
        config: { ...config, toolConfig: { functionCallingConfig: { mode: FunctionCallingConfigMode.ANY } } },
      });
      t.match(forced.functionCalls, [{ name: 'get_weather' }]);
    },
  );

  t.test(`given @google/generative-ai and ${model}, then chats and streams work`, async (t) => {
    const chat = older(model).startChat({ systemInstruction: 'Be brief.' as never });
    t.ok((await chat.sendMessage(QUESTION)).response.text());
    const { stream, response } = await chat.sendMessageStream('And in Rome?');
    let text = '';
    for await (const chunk of stream) text += chunk.text();
    t.ok(text);
    t.equal((await response).text(), text);
    t.ok(((await response).usageMetadata?.candidatesTokenCount ?? 0) > 0);
    t.ok((await older(model).countTokens(QUESTION)).totalTokens > 3);
  });
}

t.test('given @google/generative-ai and a function, then it is called and its result is read', async (t) => {
  const tool = {
    functionDeclarations: [
      {
        name: 'get_weather',
        parameters: { type: SchemaType.OBJECT, properties: { city: { type: SchemaType.STRING as const } } },
      },
    ],
  };
  const chat = older('gemini-2.5-flash').startChat({ tools: [tool as never] });
  const { response } = await chat.sendMessage(USE_TOOL);
  t.match(response.functionCalls(), [{ name: 'get_weather' }]);
  const answer = await chat.sendMessage([
    { functionResponse: { name: 'get_weather', response: { sky: 'sunny' } } },
  ]);
  t.match(answer.response.text(), /sunny/);
});

t.test('given a schema, an image and a thinking budget, then they are passed on', async (t) => {
  const schema = {
    type: Type.OBJECT,
    properties: { city: { type: Type.STRING } },
    propertyOrdering: ['city'],
  };
  for (const model of MODELS) {
    const { text } = await ai.models.generateContent({
      model,
      contents: [{ text: 'Which city?' }, { inlineData: { mimeType: 'image/png', data: PIXEL } }],
      config: {
        responseMimeType: 'application/json',
        responseSchema: schema,
        maxOutputTokens: 3_000,
        thinkingConfig: { thinkingBudget: model === 'gpt-4o-mini' ? -1 : 1_500 },
      },
    });
    t.match(JSON.parse(text ?? ''), { city: String }, model);
  }
});

t.test(
  'given a document, a recording and a text file, then they are read, and audio has its own price',
  async (t) => {
    const ask = (data: Part['inlineData'], model = 'gemini-2.5-flash') =>
      ai.models.generateContent({
        model,
        contents: [{ text: 'What is in it?' }, { inlineData: data ?? {} }],
        config: { maxOutputTokens: 500 },
      });
    const wav = { mimeType: 'audio/wav', data: wavOfSeconds(2) };
    const files = [
      { mimeType: 'application/pdf', data: pdfOfPages(2) },
      { mimeType: 'text/plain', data: Buffer.from('Ink is wet.').toString('base64') },
      { mimeType: 'audio/mp3', data: mp3OfBytes(4_000) },
      wav,
    ];
    for (const file of files) t.ok((await ask(file)).text, file.mimeType);

    const { rows } = await pool.query(
      `SELECT asked[array_position(meters, 'cost')] AS held FROM ledger_decisions
      WHERE detail LIKE '%"hearsAudio":true%' ORDER BY created_at DESC LIMIT 1`,
    );
    // 9 seconds at most, at 32 tokens each, and what is around them: all of it may be audio, at 1 USD a million tokens.
    t.ok(Number(rows[0].held) > 9 * 32 * 1_000 + 500 * 2_500, `held ${rows[0].held}`);

    const refused: [Part['inlineData'], string, RegExp][] = [
      [
        wav,
        'gpt-4o-mini',
        /contents\.0\.parts\.1\.inlineData: the model gpt-4o-mini does not read recordings/,
      ],
      [
        { mimeType: 'audio/flac', data: 'AA==' },
        'gemini-2.5-flash',
        /audio\/flac is not taken, only .*audio\/mp3/,
      ],
      [{ mimeType: 'video/mp4', data: 'AA==' }, 'gemini-2.5-flash', /parts\.1\.inlineData .*video\/mp4/],
      [
        { mimeType: 'audio/mp3', data: 'AA==' },
        'gemini-2.5-flash',
        /parts\.1\.inlineData must be a recording/,
      ],
    ];
    for (const [data, model, message] of refused) await t.rejects(ask(data, model), { status: 400, message });
  },
);

t.test('given texts, then they are embedded, one by one and together', async (t) => {
  for (const model of ['gemini-embedding-001', 'text-embedding-3-small']) {
    const { embeddings } = await ai.models.embedContent({
      model,
      contents: ['Ink is wet.', 'Water is wet.'],
      config: { outputDimensionality: 256 },
    });
    t.equal(embeddings?.length, 2);
    t.equal(embeddings?.[1]?.values?.length, 256);
    const { embedding } = await older(model).embedContent('Ink is wet.');
    t.equal(embedding.values.length, model === 'gemini-embedding-001' ? 3072 : 1536);
  }
  const { rows } = await pool.query(
    `SELECT count(*)::int AS rows, sum(cost_nano_usd)::int > 0 AS is_charged FROM usage_events
      WHERE endpoint = 'embeddings' AND status = 'ok' AND NOT overrun`,
  );
  t.match(rows[0], { rows: 4, is_charged: true });
});

t.test('given no alt, then a stream is a JSON array', async (t) => {
  const path = '/v1beta/models/gpt-4o-mini:streamGenerateContent';
  const body = { contents: [{ parts: [{ text: QUESTION }] }] };
  const answer = await call(`${path}?key=${key}`, null, body);
  t.equal(answer.status, 200);
  t.match(answer.headers.get('content-type'), 'application/json');
  t.ok(answer.body.length > 2);
  t.match(answer.body.at(-1), {
    candidates: [{ finishReason: 'STOP' }],
    usageMetadata: { totalTokenCount: Number },
    inkmeter: { cost_usd: /^0\.\d{9}$/, budget_state: 'ok' },
  });
});

t.test('given names with underscores, then they are read as Google reads them', async (t) => {
  const { status, body } = await call('/v1beta/models/gpt-4o-mini:generateContent', key, {
    system_instruction: { parts: { text: 'Be brief.' } },
    contents: { parts: [{ text: USE_TOOL }, { inline_data: { mime_type: 'image/png', data: PIXEL } }] },
    generation_config: { max_output_tokens: 99, stop_sequences: null },
    tools: {
      function_declarations: [
        { name: 'get_weather', parameters: { type: 'OBJECT', properties: { a_b: { type: 'STRING' } } } },
      ],
    },
  });
  t.equal(status, 200);
  t.match(body.candidates[0].content.parts, [
    { functionCall: { name: 'get_weather', args: { a_b: String } } },
  ]);
});

t.test('given errors, then they have Google’s form', async (t) => {
  const good = { contents: [{ parts: [{ text: 'hi' }] }] };
  const data = (mimeType: string) => ({
    contents: [{ parts: [{ inlineData: { mimeType, data: 'AAAA' } }] }],
  });
  const rows: [path: string, credential: string | null, body: object, status: number, message: RegExp][] = [
    ['gpt-4o-mini:generateContent', null, good, 401, /key/i],
    ['gpt-0:generateContent', key, good, 404, /gpt-0/],
    ['o1:generateContent', key, good, 403, /plan/],
    ['gpt-4o-mini:generateContent', key, {}, 400, /contents/],
    ['gpt-4o-mini:generateContent', key, { contents: [] }, 400, /contents/],
    ['gpt-4o-mini:generateContent', key, { ...good, cachedContent: 'x' }, 400, /cachedContent/],
    ['gemini-2.0-flash:generateContent', key, { ...good, serviceTier: 'priority' }, 400, /serviceTier/],
    [
      'gpt-4o-mini:generateContent',
      key,
      { ...good, tools: [{ googleSearch: {} }] },
      400,
      /tools\.0\.googleSearch/,
    ],
    [
      'gpt-4o-mini:generateContent',
      key,
      data('application/zip'),
      400,
      /parts\.0\.inlineData.*application\/zip/,
    ],
    [
      'gpt-4o-mini:generateContent',
      key,
      { ...good, generationConfig: { responseModalities: ['IMAGE'] } },
      400,
      /responseModalities/,
    ],
    ['gpt-4o-mini:generateContent', key, { ...good, generationConfig: { wonder: 1 } }, 400, /wonder/],
    [
      'gpt-4o-mini:streamGenerateContent?alt=sse',
      key,
      { contents: [{ parts: [{ text: 'x [[simulate: status=400]]' }] }] },
      400,
      /./,
    ],
    [
      'gemini-embedding-001:embedContent',
      key,
      { content: { parts: [{ inlineData: { mimeType: 'image/png', data: 'A' } }] } },
      400,
      /texts/,
    ],
    ['gpt-4o-mini:predict', key, good, 404, /images\/generations/],
  ];
  for (const [path, credential, body, status, message] of rows) {
    const answer = await call(`/v1beta/models/${path}`, credential, body);
    t.equal(answer.status, status, `${path} ${JSON.stringify(answer.body)}`);
    t.match(answer.body.error, { code: status, message, status: /^[A-Z_]+$/ }, path);
  }
  await t.rejects(ai.models.generateContent({ model: 'gpt-0', contents: 'hi' }), {
    name: 'ApiError',
    status: 404,
  });
  await t.rejects(older('gpt-0').generateContent('hi'), { status: 404, message: /gpt-0/ });
  const unmatched = { contents: [{ parts: [{ functionResponse: { name: 'f', response: {} } }] }] };
  const answer = await call('/v1beta/models/gpt-4o-mini:generateContent', key, unmatched);
  t.match(answer.body.error.message, /contents\.0\.parts\.0\.functionResponse/);
});

t.test('given a key in the URL, then it counts on this door only', async (t) => {
  t.equal((await call(`/v1beta/models?key=${key}`, null)).status, 200);
  t.equal((await call(`/v1/models?key=${key}`, null)).status, 401);
  t.equal((await call('/v1/models', null, undefined, { 'x-goog-api-key': key })).status, 200);
});

t.test('given the list of models, then those of the plan are in it', async (t) => {
  const names: string[] = [];
  const beta = new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl: url, apiVersion: 'v1beta' } });
  for await (const { name = '' } of await beta.models.list()) names.push(name);
  for (const model of [...MODELS, 'gemini-embedding-001']) t.ok(names.includes(`models/${model}`), model);
  const shown = await beta.models.get({ model: 'gemini-2.5-flash' });
  t.match(shown, { name: 'models/gemini-2.5-flash', inputTokenLimit: 1_048_576 });
  const unknown = await call('/v1beta/models/gemini-0', key);
  t.match(unknown, { status: 404, body: { error: { status: 'NOT_FOUND', message: /gemini-0/ } } });
  const other = await call('/v1beta/models/dalle3', key);
  t.match(other, { status: 404, body: { error: { message: /dalle3/ } } });
});

t.test('given a tool whose name only Google allows, then its models take it', async (t) => {
  const answer = await call('/v1beta/models/gemini-2.5-flash:generateContent', key, {
    contents: [{ parts: [{ text: 'hi' }] }],
    tools: [{ functionDeclarations: [{ name: 'files.read:v1' }] }],
    generationConfig: { maxOutputTokens: 20, stopSequences: ['a.', 'b.', 'c.', 'd.', 'e.'] },
  });
  t.equal(answer.status, 200, JSON.stringify(answer.body));
});
