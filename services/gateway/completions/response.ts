/** Answers in the form of OpenAI's legacy completions (https://platform.openai.com/docs/api-reference/completions/object). */
import type { ChatCompletion, ChatCompletionChunk } from '#libs/contracts/chat-answers.ts';
import { visibleText } from '../chat/domain/answer-text.ts';
import type { AnswerWriter, StreamWriter } from '../chat/domain/answer-writer.ts';

type Head = Pick<ChatCompletion | ChatCompletionChunk, 'id' | 'created' | 'model'>;

function headOf({ id, created, model }: Head) {
  return { id: `cmpl-${id.replace(/^[a-z]+-/, '')}`, object: 'text_completion', created, model };
}

function toCompletion(completion: ChatCompletion): object {
  const { choices, usage } = completion;
  return {
    ...headOf(completion),
    choices: choices.map(({ index, message, finish_reason }) => ({
      index,
      text: visibleText(message),
      logprobs: null,
      finish_reason,
    })),
    ...(usage && { usage }),
  };
}

function event(data: object): string {
  return `data: ${JSON.stringify(data)}\n\n`;
}

function createStream(): StreamWriter {
  return {
    chunk(chunk) {
      const choices = chunk.choices
        .map(({ index, delta, finish_reason }) => ({
          index,
          text: visibleText(delta),
          logprobs: null,
          finish_reason: finish_reason || null,
        }))
        .filter(({ text, finish_reason }) => text !== '' || finish_reason !== null);
      if (choices.length === 0 && !chunk.usage) return '';
      return event({ ...headOf(chunk), choices, ...(chunk.usage && { usage: chunk.usage }) });
    },
    error: event,
    end: () => 'data: [DONE]\n\n',
  };
}

export const COMPLETION_ANSWERS: AnswerWriter = {
  whole: toCompletion,
  error: (error) => error,
  stream: createStream,
};
