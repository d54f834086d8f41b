/** The server-sent events of operations that can be streamed. */
import { z } from 'zod';
import { LIMIT_STATES } from '#libs/catalogue/limit.ts';

export type StreamEvent = {
  /** Null for events without a name, whose data says what they are. */
  readonly name: string | null;
  readonly description: string;
  /** Of the data, which is JSON; a literal text for data that is not. */
  readonly data: z.ZodType;
};

/** The schema of one event as clients parse it. */
export function eventSchema({ name, description, data }: StreamEvent): z.ZodType {
  const event = name === null ? {} : { event: z.literal(name) };
  return z.object({ ...event, data }).describe(description);
}

/** The events as a list in Markdown. */
export function describeEvents(events: readonly StreamEvent[]): string {
  const lines = events.map(
    ({ name, description }) => `- ${name === null ? '' : `\`${name}\`: `}${description}`,
  );
  return `Events, in order:\n\n${lines.join('\n')}\n\nLines that begin with a colon are comments, which keep the connection open.`;
}

const DONE: StreamEvent = { name: null, description: '`[DONE]` ends the stream.', data: z.literal('[DONE]') };
const choices = z.array(z.looseObject({ index: z.int(), finish_reason: z.string().nullish() }));
const openAiFailure: StreamEvent = {
  name: null,
  description: 'An `error` in the format of OpenAI ends a stream that failed.',
  data: z.object({ error: z.looseObject({ message: z.string(), type: z.string() }) }),
};

const chunk = (object: string, choice: string): StreamEvent => ({
  name: null,
  description: `A chunk with ${choice}; the last one has the \`usage\` if \`stream_options.include_usage\` is true.`,
  data: z.looseObject({
    id: z.string(),
    object: z.literal(object),
    created: z.int(),
    model: z.string(),
    choices,
  }),
});

export const CHAT_EVENTS: readonly StreamEvent[] = [
  chunk('chat.completion.chunk', 'the next part of the message in `choices[].delta`'),
  openAiFailure,
  DONE,
];
export const COMPLETION_EVENTS: readonly StreamEvent[] = [
  chunk('text_completion', 'the next part of the text in `choices[].text`'),
  openAiFailure,
  DONE,
];

/** An event whose data repeats its name as `type`, as Anthropic and OpenAI's responses write them. */
const typed = (name: string, description: string, fields: z.core.$ZodShape = {}): StreamEvent => ({
  name,
  description,
  data: z.looseObject({ type: z.literal(name), ...fields }),
});

const index = z.int();
const object = z.looseObject({});

export const MESSAGE_EVENTS: readonly StreamEvent[] = [
  typed('message_start', 'The message, still empty.', { message: object }),
  typed('ping', 'Means nothing.'),
  typed('content_block_start', 'A block of text, thinking or a tool call begins.', {
    index,
    content_block: object,
  }),
  typed('content_block_delta', 'The next part of the block.', { index, delta: object }),
  typed('content_block_stop', 'The block is complete.', { index }),
  typed('message_delta', 'Why the message ends, and its `usage`.', { delta: object, usage: object }),
  typed('message_stop', 'The message is complete.'),
  typed('error', 'Ends a stream that failed, in the format of Anthropic.', { error: object }),
];

const itemPart = { item_id: z.string(), output_index: index };
const part = { ...itemPart, content_index: index };
const summaryPart = { ...itemPart, summary_index: index };

export const RESPONSE_EVENTS: readonly StreamEvent[] = [
  typed('response.created', 'The response, still empty.', { response: object }),
  typed('response.in_progress', 'The model works.', { response: object }),
  typed('response.output_item.added', 'A message, reasoning or function call begins.', { item: object }),
  typed('response.content_part.added', 'A part of a message begins.', { ...part, part: object }),
  typed('response.output_text.delta', 'The next text.', { ...part, delta: z.string() }),
  typed('response.output_text.done', 'The whole text of the part.', { ...part, text: z.string() }),
  typed('response.refusal.delta', 'The next text of a refusal.', { ...part, delta: z.string() }),
  typed('response.refusal.done', 'The whole refusal.', { ...part, refusal: z.string() }),
  typed('response.content_part.done', 'The part is complete.', { ...part, part: object }),
  typed('response.reasoning_summary_part.added', 'A summary of reasoning begins.', summaryPart),
  typed('response.reasoning_summary_text.delta', 'Its next text.', { ...summaryPart, delta: z.string() }),
  typed('response.reasoning_summary_text.done', 'Its whole text.', { ...summaryPart, text: z.string() }),
  typed('response.reasoning_summary_part.done', 'The summary is complete.', summaryPart),
  typed('response.function_call_arguments.delta', 'The next part of the arguments.', {
    ...itemPart,
    delta: z.string(),
  }),
  typed('response.function_call_arguments.done', 'The whole arguments.', {
    ...itemPart,
    arguments: z.string(),
  }),
  typed('response.output_item.done', 'The item is complete.', { item: object }),
  typed('response.completed', 'The whole response, with its `usage`.', { response: object }),
  typed('response.incomplete', 'The same for a response that reached its output cap.', { response: object }),
  typed('error', 'Why a stream failed.', { error: object }),
  typed('response.failed', 'The last event of a stream that failed.', { response: object }),
];

const PROGRESS = z.int().min(0).max(100).describe('Percent of the whole request.');

/** A problem as the last event. */
export const contentFailure: StreamEvent = {
  name: 'error',
  description: 'A problem. Ends a stream that failed; what the steps before it cost stays charged.',
  data: z.looseObject({ code: z.string(), detail: z.string(), status: z.int(), request_id: z.string() }),
};

/** @param complete the data of the last event. */
export function contentEvents(complete: z.ZodType): readonly StreamEvent[] {
  return [
    {
      name: 'status',
      description: 'A step begins.',
      data: z.looseObject({ step: z.string(), message: z.string(), progress: PROGRESS }),
    },
    {
      name: 'content',
      description: 'The next text of the article or the post.',
      data: z.looseObject({ content_type: z.string(), chunk: z.string(), progress: PROGRESS }),
    },
    { name: 'complete', description: 'The whole content. Ends the stream.', data: complete },
    contentFailure,
  ];
}

const percent = PROGRESS.describe('Percent of the whole job.');
const failure = z.looseObject({ code: z.string(), detail: z.string() });
const partOfJob = { content_type: z.string() };

const endOfJob = (name: string, description: string, fields: z.core.$ZodShape = {}): StreamEvent => ({
  name,
  description,
  data: z.looseObject({
    status: z.literal(name),
    percent,
    usage: z.looseObject({ cost_usd: z.string(), tokens: z.int() }).describe('What the job has cost.'),
    budget_state: z.enum(LIMIT_STATES),
    ...fields,
  }),
});

/** @param outline of an article. */
export function jobEvents(outline: z.ZodType): readonly StreamEvent[] {
  return [
    {
      name: 'status',
      description: 'The job has another status.',
      data: z.looseObject({ status: z.string(), percent }),
    },
    {
      name: 'step',
      description: 'A step begins or has ended. The message is in the language of the content.',
      data: z.looseObject({
        step: z.string(),
        status: z.enum(['running', 'succeeded', 'failed']),
        message: z.string().optional(),
        percent,
        error: failure.optional(),
      }),
    },
    {
      name: 'content',
      description: 'The next text of a part; with `replace`, the whole text in place of the pieces so far.',
      data: z.looseObject({ ...partOfJob, chunk: z.string(), replace: z.literal(true).optional() }),
    },
    {
      name: 'document',
      description: 'A part is complete and stored.',
      data: z.looseObject({
        ...partOfJob,
        document_id: z.uuid(),
        title: z.string(),
        version: z.int().optional().describe('Of a document that was rewritten.'),
      }),
    },
    {
      name: 'approval',
      description: 'The outline that waits for an approval.',
      data: z.looseObject({ step: z.string(), outline }),
    },
    endOfJob('completed', 'All parts are complete. Ends the stream.'),
    endOfJob('failed', 'A part has failed; the others are complete. Ends the stream.', {
      error: failure.optional(),
    }),
    endOfJob('cancelled', 'The job was cancelled. Ends the stream.'),
  ];
}

/** Events without names, each a whole document of one kind. */
export function documentEvents(data: z.ZodType): readonly StreamEvent[] {
  return [
    { name: null, description: 'The next part of the answer; the last one has the usage.', data },
    {
      name: null,
      description: 'An `error` ends a stream that failed.',
      data: z.object({ error: z.looseObject({ message: z.string() }) }),
    },
  ];
}
