/** Tools and choices of tools as responses and Anthropic's messages have them, as those of chats. */
import { type Fields, isFields, listOf } from './fields.ts';

const MODES: ReadonlySet<unknown> = new Set(['none', 'auto', 'required']);

/** Replaces other forms in place. @returns whether anything changed. */
export function replaceOtherTools(body: Fields): boolean {
  const changes = listOf(body.tools).map(replaceTool);
  return [...changes, replaceChoice(body)].includes(true);
}

/** A function without the object around it. Tools that the provider runs have no schema, and stay. */
function replaceTool(tool: Fields): boolean {
  const { type, name, description, input_schema: schema, parameters = schema, strict, cache_control } = tool;
  const isFunction = type === undefined || type === 'function' || isFields(schema);
  if (!isFunction || typeof name !== 'string' || tool.function !== undefined) return false;
  for (const field of Object.keys(tool)) delete tool[field];
  const called = withoutUnset({ name, description, parameters, strict });
  Object.assign(tool, withoutUnset({ type: 'function', function: called, cache_control }));
  return true;
}

function replaceChoice(body: Fields): boolean {
  const { tool_choice: choice } = body;
  const { type, name, disable_parallel_tool_use: isSingle } = isFields(choice) ? choice : { type: choice };
  if (typeof name === 'string' && (type === 'tool' || type === 'function')) {
    body.tool_choice = { type: 'function', function: { name } };
  } else if (type === 'any') body.tool_choice = 'required';
  else if (isFields(choice) && MODES.has(type)) body.tool_choice = type;
  else return false;
  if (isSingle === true) body.parallel_tool_calls ??= false;
  return true;
}

function withoutUnset(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
