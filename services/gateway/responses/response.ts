/** Answers in the form of OpenAI's responses. */
import type { AnswerUsage, ChatCompletion, FinishReason } from '#libs/contracts/chat-answers.ts';
import type { ConversationItem, ModelResponse, ResponsesRequest } from '#libs/contracts/responses.ts';
import { sseEvent } from '#libs/http/sse-writer.ts';
import type { OpenAiErrorDocument } from '#libs/problems/problems.ts';
import type { AnswerWriter, StreamWriter } from '../chat/domain/answer-writer.ts';
import { MAX_STORED_BYTES, type StoredConversation } from './domain/conversation.ts';
import { createOutput, type OutputEvent, type OutputItem } from './output.ts';

export type ResponseContext = {
  readonly id: string;
  readonly createdAtSeconds: number;
  readonly request: ResponsesRequest;
  /** The items that the request continues. */
  readonly conversation: readonly ConversationItem[];
  readonly store: (conversation: StoredConversation) => Promise<void>;
};

const INCOMPLETE: Readonly<Partial<Record<FinishReason, string>>> = {
  length: 'max_output_tokens',
  content_filter: 'content_filter',
};

type Result = {
  model: string;
  items: readonly OutputItem[];
  finish: FinishReason | null;
  usage: AnswerUsage | null | undefined;
};

/** Writes the answer to one request, and stores it. */
export function createResponseWriter(context: ResponseContext): AnswerWriter {
  return {
    async whole(completion: ChatCompletion) {
      const [choice] = completion.choices;
      const output = createOutput(context.id, context.request.tools);
      if (choice) output.add({ ...choice.message, tool_calls: numbered(choice.message.tool_calls) });
      output.finish();
      return complete(context, {
        model: completion.model,
        items: output.items,
        finish: choice?.finish_reason ?? null,
        usage: completion.usage,
      });
    },
    error: (error) => error,
    stream: () => createResponseStream(context),
  };
}

function numbered(calls: ChatCompletion['choices'][number]['message']['tool_calls']) {
  return (calls ?? []).map((call, index) => ({ index, ...call }));
}

function createResponseStream(context: ResponseContext): StreamWriter {
  const output = createOutput(context.id, context.request.tools);
  let model = context.request.model;
  let sequence = 0;
  let hasBegun = false;
  let finish: FinishReason | null = null;
  let usage: AnswerUsage | null | undefined;

  function written(events: readonly OutputEvent[]): string {
    let text = '';
    for (const { type, ...fields } of events) {
      const data = { type, sequence_number: sequence, ...fields };
      sequence += 1;
      text += sseEvent(type, data);
    }
    return text;
  }

  function begin(): string {
    if (hasBegun) return '';
    hasBegun = true;
    const response = { ...describe(context, model), status: 'in_progress' };
    return written([
      { type: 'response.created', response },
      { type: 'response.in_progress', response },
    ]);
  }

  return {
    chunk(chunk) {
      usage = chunk.usage ?? usage;
      const [choice] = chunk.choices ?? [];
      if (choice === undefined) return '';
      if (chunk.model) model = chunk.model;
      finish = choice.finish_reason || finish;
      return begin() + written(output.add(choice.delta ?? {}));
    },
    error({ error }: OpenAiErrorDocument) {
      const { message, code, param } = error;
      const failed = { ...describe(context, model), status: 'failed', error: { code, message } };
      return (
        begin() +
        written([
          { type: 'error', code, message, param, error },
          { type: 'response.failed', response: failed },
        ])
      );
    },
    async end() {
      const items = begin() + written(output.finish());
      const response = await complete(context, { model, items: output.items, finish, usage });
      return items + written([{ type: `response.${response.status}`, response }]);
    },
  };
}

/** The response as it is sent, after it was stored. */
async function complete(context: ResponseContext, result: Result): Promise<ModelResponse> {
  const { model, items, finish, usage } = result;
  const reason = INCOMPLETE[finish ?? 'stop'];
  const response: ModelResponse = {
    ...describe(context, model),
    status: reason === undefined ? 'completed' : 'incomplete',
    incomplete_details: reason === undefined ? null : { reason },
    output: items.map((item) => ({ ...item })),
    usage: usageOf(usage),
  };
  if (response.store) {
    const conversation = { response, items: [...context.conversation, ...items] };
    response.store = await tryToStore(context, conversation as StoredConversation);
  }
  return response;
}

/** The answer is paid for, so it is sent also when it cannot be stored. @returns whether it was stored. */
async function tryToStore({ store }: ResponseContext, conversation: StoredConversation): Promise<boolean> {
  if (Buffer.byteLength(JSON.stringify(conversation)) > MAX_STORED_BYTES) return false;
  try {
    await store(conversation);
    return true;
  } catch {
    return false;
  }
}

/** Everything that is known before the answer. */
function describe({ id, createdAtSeconds, request }: ResponseContext, model: string): ModelResponse {
  const { text, reasoning } = request;
  return {
    id,
    object: 'response',
    created_at: createdAtSeconds,
    status: 'completed',
    background: false,
    error: null,
    incomplete_details: null,
    instructions: request.instructions ?? null,
    max_output_tokens: request.max_output_tokens ?? null,
    model,
    output: [],
    parallel_tool_calls: request.parallel_tool_calls ?? true,
    previous_response_id: request.previous_response_id ?? null,
    reasoning: { effort: reasoning?.effort ?? null, summary: reasoning?.summary ?? null },
    service_tier: 'default',
    store: request.store ?? true,
    temperature: request.temperature ?? 1,
    text: { format: text?.format ?? { type: 'text' }, ...(text?.verbosity && { verbosity: text.verbosity }) },
    tool_choice: request.tool_choice ?? 'auto',
    tools: (request.tools ?? []).map((tool) => ({ ...tool })),
    top_p: request.top_p ?? 1,
    truncation: 'disabled',
    usage: null,
    user: request.user ?? null,
    metadata: request.metadata ?? {},
  };
}

function usageOf(usage: AnswerUsage | null | undefined): ModelResponse['usage'] {
  if (!usage) return null;
  return {
    input_tokens: usage.prompt_tokens,
    input_tokens_details: {
      cached_tokens: usage.prompt_tokens_details?.cached_tokens ?? 0,
      cache_write_tokens: usage.prompt_tokens_details?.cache_write_tokens ?? 0,
    },
    output_tokens: usage.completion_tokens,
    output_tokens_details: {
      reasoning_tokens: usage.completion_tokens_details?.reasoning_tokens ?? 0,
    },
    total_tokens: usage.total_tokens,
  };
}
