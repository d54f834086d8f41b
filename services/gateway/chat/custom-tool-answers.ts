/** Writes the answers to chats with custom tools: calls of the functions that stand for them become calls of the tools. */
import type { ChatCompletion, ChatCompletionChunk, ToolCallDelta } from '#libs/contracts/chat-answers.ts';
import type { AnswerWriter, StreamWriter } from './domain/answer-writer.ts';
import { customInput } from './domain/custom-tools.ts';

/** @param names of the custom tools. */
export function customToolAnswers(names: ReadonlySet<string>): AnswerWriter {
  return {
    whole: (completion) => withCustomCalls(completion, names),
    error: (error) => error,
    stream: () => createCustomToolStream(names),
  };
}

function withCustomCalls(completion: ChatCompletion, names: ReadonlySet<string>): object {
  const choices = completion.choices.map((choice) => {
    const calls = choice.message.tool_calls?.map((call) => {
      const { name, arguments: text } = call.function;
      return names.has(name)
        ? { id: call.id, type: 'custom', custom: { name, input: customInput(text) } }
        : call;
    });
    return calls === undefined ? choice : { ...choice, message: { ...choice.message, tool_calls: calls } };
  });
  return { ...completion, choices };
}

const event = (data: object) => `data: ${JSON.stringify(data)}\n\n`;

/** A call begins at once; its text follows when it is complete, because it is part of JSON until then. */
function createCustomToolStream(names: ReadonlySet<string>): StreamWriter {
  /** Arguments so far, by choice and index of the call. */
  const open = new Map<number, Map<number, string>>();

  function translate(choice: number, delta: ToolCallDelta): object | undefined {
    const { index, id, function: called } = delta;
    const calls = open.get(choice) ?? new Map<number, string>();
    const known = calls.get(index);
    if (known === undefined && !names.has(called?.name ?? '')) return delta;
    open.set(choice, calls.set(index, (known ?? '') + (called?.arguments ?? '')));
    if (known !== undefined) return undefined;
    return {
      index,
      ...(id !== undefined && { id }),
      type: 'custom',
      custom: { name: called?.name, input: '' },
    };
  }

  /** The texts of the calls of a choice that has ended. */
  function inputsOf(choice: number): object[] {
    const calls = [...(open.get(choice) ?? [])];
    open.delete(choice);
    return calls.map(([index, text]) => ({ index, custom: { input: customInput(text) } }));
  }

  return {
    chunk(chunk: ChatCompletionChunk) {
      let before = '';
      const choices = (chunk.choices ?? []).map((choice) => {
        const { delta, index, finish_reason: finish } = choice;
        const calls = delta.tool_calls?.flatMap((call) => translate(index, call) ?? []);
        const inputs = finish === null ? [] : inputsOf(index);
        if (inputs.length > 0) {
          const text = { index, delta: { tool_calls: inputs }, finish_reason: null };
          before += event({ ...chunk, choices: [text], usage: undefined });
        }
        return calls === undefined ? choice : { ...choice, delta: { ...delta, tool_calls: calls } };
      });
      return before + event({ ...chunk, choices });
    },
    error: (error) => event(error),
    end: () => 'data: [DONE]\n\n',
  };
}
