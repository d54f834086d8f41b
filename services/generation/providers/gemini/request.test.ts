import t from 'tap';
import { mp3OfBytes, pdfOfPages } from '#libs/simulators/vendor-tokens/fixtures.ts';
import { CONVERSATION, chatWith, PIXEL, providerError, TOOL } from '../fixtures.ts';
import { toGeminiRequest } from './request.ts';

t.test('a whole conversation is translated', async (t) => {
  t.strictSame(toGeminiRequest(chatWith({ messages: CONVERSATION, tools: [TOOL] })), {
    systemInstruction: { role: 'system', parts: [{ text: 'Be brief.\n\nIn English.' }] },
    contents: [
      {
        role: 'user',
        parts: [{ text: 'What is this?' }, { inlineData: { mimeType: 'image/png', data: PIXEL } }],
      },
      {
        role: 'model',
        parts: [
          { text: 'Let me see.' },
          { functionCall: { name: 'look', args: { at: 'sky' } } },
          { functionCall: { name: 'listen', args: {} } },
        ],
      },
      {
        role: 'user',
        parts: [
          { functionResponse: { name: 'look', response: { seen: 'blue' } } },
          { functionResponse: { name: 'listen', response: { result: 'wind' } } },
          { text: 'And now?' },
        ],
      },
    ],
    tools: [
      {
        functionDeclarations: [
          {
            name: 'look',
            description: 'Looks somewhere.',
            parametersJsonSchema: {
              type: 'object',
              properties: { at: { type: 'string' } },
              required: ['at'],
            },
          },
        ],
      },
    ],
    serviceTier: 'standard',
    generationConfig: { maxOutputTokens: 100 },
  });
});

t.test('parameters are translated one by one', async (t) => {
  const schema = { type: 'object', properties: {} };
  const rows: [string, object, object][] = [
    ['stop word', { stop: 'END' }, { stopSequences: ['END'] }],
    ['sampling', { temperature: 2, top_p: 0.1, seed: 7 }, { temperature: 2, topP: 0.1, seed: 7 }],
    [
      'penalties',
      { frequency_penalty: 1, presence_penalty: -1 },
      { frequencyPenalty: 1, presencePenalty: -1 },
    ],
    ['the cap is ours', { max_completion_tokens: 9_999 }, { maxOutputTokens: 100 }],
    ['JSON', { response_format: { type: 'json_object' } }, { responseMimeType: 'application/json' }],
    [
      'a schema',
      { response_format: { type: 'json_schema', json_schema: { name: 'n', schema } } },
      { responseMimeType: 'application/json', responseJsonSchema: schema },
    ],
    ['effort', { reasoning_effort: 'medium' }, { thinkingConfig: { thinkingBudget: 50 } }],
    ['no effort', { reasoning_effort: 'none' }, { thinkingConfig: { thinkingBudget: 0 } }],
  ];
  for (const [title, body, expected] of rows) {
    t.match(toGeminiRequest(chatWith(body)).generationConfig, expected, title);
  }
  t.equal(toGeminiRequest(chatWith({}, { choices: 3 })).generationConfig.candidateCount, 3);
});

t.test('tool choices', async (t) => {
  const config = (choice: unknown) =>
    toGeminiRequest(chatWith({ tools: [TOOL], tool_choice: choice })).toolConfig?.functionCallingConfig;
  t.strictSame(config('auto'), { mode: 'AUTO' });
  t.strictSame(config('none'), { mode: 'NONE' });
  t.strictSame(config('required'), { mode: 'ANY' });
  t.strictSame(config({ type: 'function', function: { name: 'look' } }), {
    mode: 'ANY',
    allowedFunctionNames: ['look'],
  });
});

t.test('Gemini 3 gets the value that stands for a signature', async (t) => {
  const chat = chatWith({ messages: CONVERSATION }, { upstreamModel: 'gemini-3.1-pro-preview' });
  t.match(toGeminiRequest(chat).contents[1]?.parts[1], { thoughtSignature: /^skip_/ });
  const call = { id: 'c1', type: 'function', function: { name: 'f', arguments: '{}' } };
  const extra_content = { google: { thought_signature: 'c2ln' } };
  const signed = [{ role: 'assistant', content: null, tool_calls: [{ ...call, extra_content }] }];
  t.match(toGeminiRequest(chatWith({ messages: signed })).contents[0]?.parts, [{ thoughtSignature: 'c2ln' }]);
});

t.test('references in schemas stand alone, and those in results stay text', async (t) => {
  const schema = {
    type: 'object',
    properties: { a: { $ref: '#/$defs/A', type: 'object', description: 'd' }, $ref: { type: 'string' } },
    $defs: { A: { type: 'object', properties: {} } },
  };
  const plain = {
    ...schema,
    properties: { ...schema.properties, a: { $ref: '#/$defs/A', description: 'd' } },
  };
  const result = { role: 'tool', tool_call_id: 'c1', content: JSON.stringify(schema) };
  const call = { id: 'c1', type: 'function', function: { name: 'f', arguments: '{}' } };
  const request = toGeminiRequest(
    chatWith({
      messages: [{ role: 'assistant', content: null, tool_calls: [call] }, result],
      tools: [{ type: 'function', function: { name: 'f', parameters: schema } }],
      response_format: { type: 'json_schema', json_schema: { name: 'a', schema } },
    }),
  );
  t.strictSame(request.tools?.[0]?.functionDeclarations[0]?.parametersJsonSchema, plain);
  t.strictSame(request.generationConfig.responseJsonSchema, plain);
  t.match(request.contents[1]?.parts, [{ functionResponse: { response: { result: result.content } } }]);
});

t.test('what Gemini cannot do is refused', async (t) => {
  const image = (url: string) => [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }];
  const rows: [object, object][] = [
    [{ logit_bias: { 1: 1 } }, { kind: 'unsupported', param: 'logit_bias' }],
    [{ logprobs: true }, { kind: 'unsupported', param: 'logprobs' }],
    [{ parallel_tool_calls: false }, { kind: 'unsupported', param: 'parallel_tool_calls' }],
    [
      { messages: image('https://example.com/a.png') },
      { kind: 'bad_request', param: 'messages.0.content.0.image_url.url' },
    ],
    [{ messages: image('file:///etc/passwd') }, { kind: 'bad_request' }],
    [{ messages: [{ role: 'tool', tool_call_id: 'lost', content: 'x' }] }, { kind: 'bad_request' }],
  ];
  for (const [body, expected] of rows)
    t.throws(() => toGeminiRequest(chatWith(body)), providerError(expected));
});

t.test('documents and recordings become inline data', async (t) => {
  const file = { file_data: `data:application/pdf;base64,${pdfOfPages(1)}`, filename: 'a.pdf' };
  const content = [
    { type: 'file', file },
    { type: 'input_audio', input_audio: { data: mp3OfBytes(100), format: 'mp3' } },
  ];
  t.strictSame(toGeminiRequest(chatWith({ messages: [{ role: 'user', content }] })).contents, [
    {
      role: 'user',
      parts: [
        { inlineData: { mimeType: 'application/pdf', data: pdfOfPages(1) } },
        { inlineData: { mimeType: 'audio/mp3', data: mp3OfBytes(100) } },
      ],
    },
  ]);
});
