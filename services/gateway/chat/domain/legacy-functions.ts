/** OpenAI's functions, which clients sent before there were tools, as tools. */
import { type Fields, isFields, listOf } from './fields.ts';

/**
 * Replaces functions of a chat, the choice of one, and their calls and results by tools, in place. Functions next to tools
 * stay, so that they are refused.
 *
 * @returns whether the answer must call functions; undefined if nothing had to change.
 */
export function replaceLegacyFunctions(body: unknown): boolean | undefined {
  if (!isFields(body)) return undefined;
  const isChanged = replaceCalls(listOf(body.messages));
  const { functions, function_call: choice, tools } = body;
  if (!Array.isArray(functions) || Array.isArray(tools)) return isChanged ? false : undefined;
  delete body.functions;
  delete body.function_call;
  if (functions.length === 0) return false;
  body.tools = functions.map((one: unknown) => ({ type: 'function', function: one }));
  if (choice !== undefined && choice !== null) {
    body.tool_choice = isFields(choice) ? { type: 'function', function: choice } : choice;
  }
  // A message could have only one call.
  body.parallel_tool_calls = false;
  return true;
}

/** Calls had no ids: a result followed its call. */
function replaceCalls(messages: readonly Fields[]): boolean {
  let isChanged = false;
  let id = '';
  for (const [index, message] of messages.entries()) {
    if (isFields(message.function_call)) {
      id = callId(index);
      message.tool_calls = [{ id, type: 'function', function: message.function_call }];
      delete message.function_call;
      isChanged = true;
    } else if (message.role === 'function') {
      message.role = 'tool';
      message.tool_call_id = id;
      isChanged = true;
    }
  }
  return isChanged;
}

/** Nine letters and digits, which Mistral requires. */
function callId(index: number): string {
  return `call${String(index).padStart(5, '0')}`;
}
