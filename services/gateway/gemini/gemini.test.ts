import t from 'tap';
import type { ChatCompletionChunk } from '#libs/contracts/chat-answers.ts';
import { generateContentRequest } from '#libs/contracts/gemini.ts';
import { checkGeminiFields } from './check-fields.ts';
import { toChat } from './request.ts';
import { ARRAY, createContentStream, EVENTS } from './stream.ts';

const HELLO = [{ role: 'user', parts: [{ text: 'Hello' }] }];

function chatOf(body: object) {
  checkGeminiFields(body);
  return toChat('m', generateContentRequest.parse(body), false);
}

t.test('functions that are allowed are the only ones, and one of them is called', async (t) => {
  const tools = [{ functionDeclarations: [{ name: 'a' }, { name: 'b' }, { name: 'c' }] }];
  const choose = (config: object) =>
    chatOf({ contents: HELLO, tools, toolConfig: { functionCallingConfig: config } });
  t.match(choose({ mode: 'ANY', allowedFunctionNames: ['b'] }), {
    tool_choice: { type: 'function', function: { name: 'b' } },
  });
  const several = choose({ mode: 'ANY', allowedFunctionNames: ['a', 'c'] });
  t.equal(several.tool_choice, 'required');
  t.strictSame(
    several.tools?.map((tool) => tool.function.name),
    ['a', 'c'],
  );
  t.equal(choose({ mode: 'NONE' }).tool_choice, 'none');
  t.equal(choose({ mode: 'AUTO' }).tool_choice, undefined);
});

t.test('a thinking budget is an effort where it is none, and left to the model at -1', async (t) => {
  const think = (thinkingConfig: object) => chatOf({ contents: HELLO, generationConfig: { thinkingConfig } });
  t.equal(think({ thinkingBudget: 0 }).reasoning_effort, 'none');
  t.match(think({ thinkingBudget: 200 }).thinking, { budget_tokens: 1024 });
  t.match(think({ thinkingBudget: 4000 }).thinking, { budget_tokens: 4000 });
  t.strictSame(Object.keys(think({ thinkingBudget: -1, includeThoughts: true })), ['model', 'messages']);
  t.equal(think({ thinkingLevel: 'LOW' }).reasoning_effort, 'low');
});

t.test('schemas of Google are JSON Schema, with the client’s own names', async (t) => {
  const { response_format: format } = chatOf({
    contents: HELLO,
    generation_config: {
      response_mime_type: 'application/json',
      response_schema: {
        type: 'OBJECT',
        properties: {
          first_name: { type: 'STRING', nullable: true, maxLength: '9' },
          type: { type: 'ARRAY', items: { type: 'INTEGER' } },
        },
        propertyOrdering: ['first_name'],
      },
    },
  });
  t.strictSame(format, {
    type: 'json_schema',
    json_schema: {
      name: 'answer',
      schema: {
        type: 'object',
        properties: {
          first_name: { type: ['string', 'null'], maxLength: 9 },
          type: { type: 'array', items: { type: 'integer' } },
        },
      },
    },
  });
});

t.test('the signature of a call is kept, in requests and in answers', async (t) => {
  const part = { functionCall: { id: 'c1', name: 'f', args: {} }, thoughtSignature: 'c2ln' };
  const extra_content = { google: { thought_signature: 'c2ln' } };
  const call = { id: 'c1', type: 'function', function: { name: 'f', arguments: '{}' }, extra_content };
  const { messages } = chatOf({
    contents: [...HELLO, { role: 'model', parts: [part] }],
    serviceTier: 'standard',
  });
  t.match(messages[1], { tool_calls: [call] });
  const stream = createContentStream(ARRAY);
  stream.chunk(chunk({ tool_calls: [{ index: 0, ...call }] }, 'tool_calls'));
  t.match(JSON.parse(`${await stream.end()}`), [{ candidates: [{ content: { parts: [part] } }] }]);
  t.throws(() => chatOf({ contents: HELLO, serviceTier: 'priority' }), { code: 'unsupported_parameter' });
});

t.test('two calls of one function get their results in order', async (t) => {
  const call = (n: number) => ({ functionCall: { name: 'f', args: { n } } });
  const result = (n: number) => ({ functionResponse: { name: 'f', response: { n } } });
  const { messages } = chatOf({
    contents: [
      ...HELLO,
      { role: 'model', parts: [{ text: 'thinking', thought: true }, call(1), call(2)] },
      { role: 'function', parts: [result(1), result(2)] },
    ],
  });
  t.match(messages.slice(1), [
    { role: 'assistant', content: null, tool_calls: [{ id: 'call_1_1' }, { id: 'call_1_2' }] },
    { role: 'tool', tool_call_id: 'call_1_1', content: '{"n":1}' },
    { role: 'tool', tool_call_id: 'call_1_2', content: '{"n":2}' },
  ]);
});

const chunk = (delta: object, finish: 'tool_calls' | null = null) =>
  ({ id: 'x', model: 'm', choices: [{ index: 0, delta, finish_reason: finish }] }) as ChatCompletionChunk;

t.test('a streamed call is sent whole, with the usage and the cost', async (t) => {
  for (const framing of [EVENTS, ARRAY]) {
    const stream = createContentStream(framing);
    let text = stream.comment?.('waiting') ?? '';
    for (const piece of ['{"city":', '"Paris"}']) {
      const called = { index: 0, id: 'c1', function: { name: 'f', arguments: piece } };
      text += stream.chunk(chunk({ content: 'Let me see. ', tool_calls: [called] }));
    }
    text += stream.comment?.('') ?? '';
    text += stream.chunk(chunk({}, 'tool_calls'));
    text += stream.comment?.('inkmeter {"cost_usd":"0.1"}') ?? '';
    text += await stream.end();
    const responses =
      framing === ARRAY
        ? JSON.parse(text)
        : text
            .split('\r\n\r\n')
            .filter(Boolean)
            .map((event) => JSON.parse(event.replace(/^data: /, '')));
    t.equal(responses.length, 3);
    t.match(responses[2], {
      candidates: [
        {
          content: { parts: [{ functionCall: { id: 'c1', name: 'f', args: { city: 'Paris' } } }] },
          finishReason: 'STOP',
        },
      ],
      inkmeter: { cost_usd: '0.1' },
    });
  }
});

t.test('an array that breaks off is still JSON, with the error at its end', async (t) => {
  const stream = createContentStream(ARRAY);
  const error = {
    message: 'gone',
    type: 't',
    param: null,
    code: 'c',
    problem_code: 'provider_error',
    request_id: 'r',
  } as const;
  const text = stream.chunk(chunk({ content: 'Hi' })) + stream.error({ error });
  t.match(JSON.parse(text), [{ candidates: Array }, { error: { code: 502, message: 'gone' } }]);
  t.equal(await createContentStream(ARRAY).error({ error }).at(0), '[');
});
