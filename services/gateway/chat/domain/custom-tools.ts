/**
 * OpenAI's custom tools, which take a text instead of arguments, as functions with one parameter: no other provider has
 * them. Their grammars cannot be translated.
 */
import { type Fields, isFields, listOf, refuse } from './fields.ts';

/** The parameters of a function that stands for a custom tool. */
export const CUSTOM_TOOL_PARAMETERS = {
  type: 'object',
  properties: { input: { type: 'string', description: 'The text for the tool.' } },
  required: ['input'],
  additionalProperties: false,
};

export function customArguments(input: string): string {
  return JSON.stringify({ input });
}

/** The text that a model wrote for a custom tool; its arguments as they are if they are not of the function. */
export function customInput(functionArguments: string): string {
  try {
    const { input } = JSON.parse(functionArguments) as Fields;
    if (typeof input === 'string') return input;
  } catch {
    // Models can write invalid JSON.
  }
  return functionArguments;
}

/** @throws ProblemError `unsupported_parameter` for a grammar. @param at path of the format. */
export function refuseGrammar(format: unknown, at: string): void {
  if (!isFields(format) || format.type === 'text') return;
  refuse(at, 'custom tools take any text here; describe the grammar, or use a function with a schema');
}

/**
 * Replaces custom tools of a chat and their calls by functions, in place.
 * @returns the names of the tools; undefined if nothing had to change.
 */
export function replaceCustomTools(body: unknown): ReadonlySet<string> | undefined {
  if (!isFields(body)) return undefined;
  const names = new Set<string>();
  let isChanged = false;
  for (const [index, tool] of listOf(body.tools).entries()) {
    if (tool.type !== 'custom' || !isFields(tool.custom)) continue;
    const { name, description, format } = tool.custom;
    refuseGrammar(format, `tools.${index}.custom.format`);
    names.add(String(name));
    replace(tool, {
      name,
      ...(description !== undefined && { description }),
      parameters: CUSTOM_TOOL_PARAMETERS,
    });
    isChanged = true;
  }
  for (const message of listOf(body.messages)) {
    for (const call of listOf(message.tool_calls)) {
      if (call.type !== 'custom' || !isFields(call.custom)) continue;
      replace(call, { name: call.custom.name, arguments: customArguments(String(call.custom.input ?? '')) });
      isChanged = true;
    }
  }
  const { tool_choice: choice } = body;
  if (isFields(choice) && choice.type === 'custom' && isFields(choice.custom)) {
    replace(choice, { name: choice.custom.name });
    isChanged = true;
  }
  return isChanged ? names : undefined;
}

function replace(fields: Fields, called: Fields): void {
  delete fields.custom;
  fields.type = 'function';
  fields.function = called;
}
