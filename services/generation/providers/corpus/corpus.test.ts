/** Every recorded shape, sent by a real server, through the real adapter. */
import { createServer } from 'node:http';
import t from 'tap';
import { Agent } from 'undici';
import { listenServerOnFreePort } from '#libs/testing/http.ts';
import type { ChatCompletionChunk, ToolCallDelta } from '../domain/chat-format.ts';
import { OPENAI_FORMAT_PROVIDERS, type ProviderKey } from '../domain/providers.ts';
import { writtenReasoning } from '../domain/stream-piece.ts';
import { chunksIn } from '../fixtures.ts';
import { type CorpusCase, type ExpectedAnswer, readCorpus } from './corpus.fixture.ts';
import { runChunks } from './fuzzer.fixture.ts';
import { checkInvariants, type Observed, runAnswer } from './run-answer.fixture.ts';

const MIN_CASES = 80;

const corpus = readCorpus();
const dispatcher = new Agent();
t.teardown(() => dispatcher.destroy());

let current: CorpusCase | undefined;
const url = await listenServerOnFreePort(
  t,
  createServer((request, response) => {
    request.resume();
    response.setHeader('content-type', current?.isDocument ? 'application/json' : 'text/event-stream');
    response.end(current?.bytes);
  }),
);

type Received = Pick<ExpectedAnswer, 'text' | 'reasoning' | 'tool_calls' | 'finish'>;

/** The client's view: chunks put together as OpenAI's SDKs do. */
function assemble(chunks: ChatCompletionChunk[]): Received {
  const received: Received = { text: '', reasoning: '', tool_calls: [], finish: null };
  for (const chunk of chunks) {
    received.reasoning += writtenReasoning(chunk);
    for (const { delta, finish_reason: finish } of chunk.choices) {
      received.text += (delta.content ?? '') + (delta.refusal ?? '');
      for (const call of delta.tool_calls ?? []) addCall(received.tool_calls, call);
      received.finish ??= finish;
    }
  }
  return received;
}

function addCall(calls: Received['tool_calls'], { index, function: called }: ToolCallDelta): void {
  calls[index] ??= { name: '', arguments: '' };
  calls[index].name += called?.name ?? '';
  calls[index].arguments += called?.arguments ?? '';
}

function receivedBy({ completion, sent }: Observed): Received {
  if (completion === undefined) return assemble(chunksIn(sent));
  const choices = completion.choices.map(({ message: { tool_calls, ...message }, ...choice }) => ({
    ...choice,
    delta: {
      ...message,
      ...(tool_calls && { tool_calls: tool_calls.map((call, index) => ({ ...call, index })) }),
    },
  }));
  return assemble([{ ...completion, object: 'chat.completion.chunk', choices }]);
}

t.ok(corpus.length >= MIN_CASES, `${corpus.length} cases`);

for (const entry of corpus) {
  const { name, isDocument, expected } = entry;
  for (const stream of isDocument ? [false, true] : [true]) {
    t.test(`given ${name}${stream && isDocument ? ' for a stream' : ''}: ${expected.why}`, async (t) => {
      current = entry;
      const observed = await runAnswer(entry, { url, dispatcher, stream });
      const { text, reasoning, units, final, booked, error } = observed;
      t.strictSame(
        { text, reasoning, units, final, booked, error },
        {
          text: expected.text,
          reasoning: expected.reasoning,
          units: expected.units,
          final: expected.final,
          booked: expected.booked,
          error: expected.error,
        },
      );
      if (expected.service_tier) t.equal(observed.serviceTier, expected.service_tier);
      checkInvariants(observed);

      const received = receivedBy(observed);
      const called = expected.tool_calls.map((call) => call.name + call.arguments).join('');
      // the meter counts calls as text; the client receives them as calls
      if (!name.includes('legacy')) t.equal(received.text + called, expected.text);
      t.strictSame(received.tool_calls, expected.tool_calls);
      t.equal(received.reasoning, expected.reasoning);
      t.equal(received.finish, expected.finish);
    });
  }
}

const SHARES_FORMAT: ReadonlySet<ProviderKey> = new Set(OPENAI_FORMAT_PROVIDERS);
const ADAPTERS = [...OPENAI_FORMAT_PROVIDERS, 'anthropic', 'gemini'] as const;

t.test(
  "given an answer in OpenAI's format, then every vendor with that format means the same by it",
  async (t) => {
    for (const entry of corpus.filter(({ provider }) => SHARES_FORMAT.has(provider))) {
      const { text, reasoning, sent, error, final } = await runChunks(entry, [entry.bytes]);
      for (const provider of OPENAI_FORMAT_PROVIDERS) {
        const observed = await runChunks({ ...entry, provider }, [entry.bytes]);
        t.match(observed, { text, reasoning, sent, error, final }, `${entry.name} from ${provider}`);
        checkInvariants(observed);
      }
    }
  },
);

t.test(
  'given an answer in the format of another vendor, then it is refused or read, and never free',
  async (t) => {
    for (const entry of corpus) {
      for (const provider of ADAPTERS.filter((one) => one !== entry.provider)) {
        checkInvariants(await runChunks({ ...entry, provider }, [entry.bytes]));
      }
      t.pass(entry.name);
    }
  },
);
