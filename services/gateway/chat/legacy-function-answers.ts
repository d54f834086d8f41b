/** Writes the answers to chats with legacy functions: a call of a tool becomes the call of a function. */
import type { ChatCompletion, FinishReason, MessageDelta } from '#libs/contracts/chat-answers.ts';
import type { AnswerWriter, StreamWriter } from './domain/answer-writer.ts';

export const LEGACY_FUNCTION_ANSWERS: AnswerWriter = {
  whole: (completion) => ({ ...completion, choices: completion.choices.map(toChoice) }),
  error: (error) => error,
  stream: createStream,
};

function toChoice(choice: ChatCompletion['choices'][number]): object {
  const { tool_calls: calls, ...message } = choice.message;
  const [call] = calls ?? [];
  return {
    ...choice,
    message: { ...message, ...(call && { function_call: call.function }) },
    finish_reason: toReason(choice.finish_reason),
  };
}

function toReason(reason: FinishReason | null): string | null {
  return reason === 'tool_calls' ? 'function_call' : reason;
}

const event = (data: object) => `data: ${JSON.stringify(data)}\n\n`;

function createStream(): StreamWriter {
  return {
    chunk: (chunk) =>
      event({
        ...chunk,
        choices: (chunk.choices ?? []).map((choice) => ({
          ...choice,
          delta: toDelta(choice.delta),
          finish_reason: toReason(choice.finish_reason),
        })),
      }),
    error: event,
    end: () => 'data: [DONE]\n\n',
  };
}

/** Further calls, which some models make all the same, have no place in the message. */
function toDelta({ tool_calls: calls, ...delta }: MessageDelta): object {
  const call = calls?.find(({ index }) => index === 0)?.function;
  return { ...delta, ...(call && { function_call: call }) };
}
