/** Forms of chat requests that other vendors and proxies take, as those of the contract. */
import { type Fields, isFields, listOf } from './fields.ts';
import { replaceOtherParts } from './other-parts.ts';
import { replaceOtherTools } from './other-tools.ts';

/** Claude's smallest budget for reasoning. */
const SMALLEST_BUDGET = 1024;

/** Replaces other forms in place. @returns whether anything changed. */
export function replaceOtherForms(body: unknown): boolean {
  if (!isFields(body)) return false;
  const changes = [
    narrowTools(body),
    replaceOtherTools(body),
    replaceOtherParts(body),
    moveCacheMarks(body),
    renameReasoning(body),
  ];
  return changes.includes(true);
}

/**
 * Replaces OpenAI's choice of several tools, of chats and of responses, by the mode of the choice and a list without the
 * other tools, which every provider understands.
 */
export function narrowTools(body: Fields): boolean {
  const { tool_choice: choice } = body;
  if (!isFields(choice) || choice.type !== 'allowed_tools') return false;
  const { tools, mode } = isFields(choice.allowed_tools) ? choice.allowed_tools : choice;
  const names = new Set(listOf(tools).map(nameOf));
  body.tools = listOf(body.tools).filter((tool) => names.has(nameOf(tool)));
  body.tool_choice = mode ?? 'auto';
  return true;
}

function nameOf(tool: Fields): unknown {
  const called = tool.function ?? tool.custom;
  return isFields(called) ? called.name : tool.name;
}

/** A mark of the whole request is one of its last message; a mark of a call or inside a function is one of what has it. */
function moveCacheMarks(body: Fields): boolean {
  const messages = listOf(body.messages);
  const last = messages.at(-1);
  let isChanged = last !== undefined && moveMark(body, last);
  for (const message of messages) {
    for (const call of listOf(message.tool_calls)) isChanged = moveMark(call, message) || isChanged;
  }
  for (const tool of listOf(body.tools)) {
    if (isFields(tool.function)) isChanged = moveMark(tool.function, tool) || isChanged;
  }
  return isChanged;
}

function moveMark(from: Fields, to: Fields): boolean {
  const { cache_control: mark } = from;
  if (mark === undefined) return false;
  delete from.cache_control;
  to.cache_control ??= mark;
  return true;
}

/** OpenRouter's `reasoning`, an effort or a budget. */
function renameReasoning(body: Fields): boolean {
  const { reasoning } = body;
  if (!isFields(reasoning)) return false;
  const { effort, max_tokens: budget, enabled } = reasoning;
  delete body.reasoning;
  if (enabled === false) body.reasoning_effort ??= 'none';
  else if (typeof effort === 'string') body.reasoning_effort ??= effort;
  else if (typeof budget === 'number') {
    body.thinking ??= { type: 'enabled', budget_tokens: Math.max(SMALLEST_BUDGET, budget) };
  }
  return true;
}
