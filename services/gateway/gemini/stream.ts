/** Streams in Gemini's form: server-sent events, or a JSON array that grows. */
import type {
  AnswerToolCall,
  AnswerUsage,
  ChatCompletionChunk,
  FinishReason,
} from '#libs/contracts/chat-answers.ts';
import { googleErrorOf } from '#libs/problems/error-formats.ts';
import { visibleReasoning, visibleText } from '../chat/domain/answer-text.ts';
import type { StreamWriter } from '../chat/domain/answer-writer.ts';
import { callPart, candidateOf, finishReasonOf, textParts, usageOf } from './response.ts';

/** How the responses of a stream are separated. */
export type Framing = {
  readonly write: (response: object, isFirst: boolean) => string;
  /** What ends the stream. */
  readonly end: (isEmpty: boolean) => string;
  /** What keeps an idle connection open. */
  readonly idle: string;
};

/** Google's older SDK fails on anything but data, comments included. */
export const EVENTS: Framing = {
  write: (response) => `data: ${JSON.stringify(response)}\r\n\r\n`,
  end: () => '',
  idle: '',
};

export const ARRAY: Framing = {
  write: (response, isFirst) => `${isFirst ? '[' : ',\r\n'}${JSON.stringify(response)}`,
  end: (isEmpty) => (isEmpty ? '[]' : ']'),
  idle: '\n',
};

type Choice = { calls: AnswerToolCall[]; finish: FinishReason | null };

/** Function calls are sent whole, and the end with the usage, when both are known. */
export function createContentStream(framing: Framing): StreamWriter {
  const choices = new Map<number, Choice>();
  let head = {};
  let usage: AnswerUsage | null | undefined;
  let figures: object | undefined;
  let isEmpty = true;

  function write(response: object): string {
    const written = framing.write(response, isEmpty);
    isEmpty = false;
    return written;
  }

  function choiceAt(index: number): Choice {
    const known = choices.get(index) ?? { calls: [], finish: null };
    choices.set(index, known);
    return known;
  }

  function take({ index, delta, finish_reason }: ChatCompletionChunk['choices'][number]): object[] {
    const choice = choiceAt(index);
    choice.finish = finish_reason || choice.finish;
    for (const { index: at, id, function: called, extra_content: extra } of delta.tool_calls ?? []) {
      const call = choice.calls[at] ?? {
        id: id ?? `call_${at}`,
        type: 'function' as const,
        function: { name: '', arguments: '' },
      };
      choice.calls[at] = call;
      call.function.name ||= called?.name ?? '';
      call.function.arguments += called?.arguments ?? '';
      if (extra) call.extra_content = extra;
    }
    const parts = textParts(visibleText(delta), visibleReasoning(delta));
    return parts.length > 0 ? [candidateOf(index, parts)] : [];
  }

  function end(): string {
    const candidates = [...choices].map(([index, { calls, finish }]) =>
      candidateOf(index, calls.filter(Boolean).map(callPart), finishReasonOf(finish)),
    );
    const last = { candidates, ...usageOf(usage), ...head, ...(figures && { inkmeter: figures }) };
    return write(last) + framing.end(false);
  }

  return {
    chunk(chunk) {
      usage = chunk.usage ?? usage;
      head = { modelVersion: chunk.model, responseId: chunk.id };
      const candidates = chunk.choices.flatMap((choice) => take({ ...choice, delta: choice.delta ?? {} }));
      return candidates.length > 0 ? write({ candidates, ...head }) : '';
    },
    error: (error) => write(googleErrorOf(error)) + framing.end(false),
    comment(text) {
      const [, json] = /^inkmeter (\{.*\})$/.exec(text) ?? [];
      if (json !== undefined) figures = JSON.parse(json) as object;
      return isEmpty ? '' : framing.idle;
    },
    end,
  };
}
