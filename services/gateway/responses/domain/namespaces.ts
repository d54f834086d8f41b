/** Functions in namespaces, which chats do not have: there, the namespace is part of a function's name. */
import { type Fields, isFields, listOf } from '../../chat/domain/fields.ts';

export type NamespacedFunction = { readonly name: string; readonly namespace?: string | null | undefined };

/** The longest name of a function in a chat. */
const LONGEST_NAME = 64;

export function chatNameOf({ name, namespace }: NamespacedFunction): string {
  return namespace ? `${namespace}__${name}`.slice(-LONGEST_NAME) : name;
}

/** Finds the function that a chat calls. */
export function functionNamed(
  tools: readonly NamespacedFunction[] | null | undefined,
  chatName: string,
): NamespacedFunction {
  const found = tools?.find((tool) => tool.namespace && chatNameOf(tool) === chatName);
  return found ? { name: found.name, namespace: found.namespace } : { name: chatName };
}

/** Replaces namespaces by their functions, in place. */
export function flattenNamespaces(body: Fields): void {
  if (!Array.isArray(body.tools)) return;
  body.tools = body.tools.flatMap((tool: unknown) =>
    isFields(tool) && tool.type === 'namespace'
      ? listOf(tool.tools).map((inner) => ({ ...inner, namespace: tool.name }))
      : [tool],
  );
}
