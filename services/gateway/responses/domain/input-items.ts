/** The input of a stored response, as OpenAI lists it. */
import type { ConversationItem } from '#libs/contracts/responses.ts';
import type { StoredConversation } from './conversation.ts';

export type InputItemsQuery = {
  readonly limit: number;
  readonly order: 'asc' | 'desc';
  /** The id of the item before the first one of the page. */
  readonly after?: string | undefined;
};

type ListedItem = { readonly type: string; readonly id: string; readonly [field: string]: unknown };

export function inputItemsOf({ response, items }: StoredConversation, query: InputItemsQuery) {
  const input = items.slice(0, items.length - response.output.length);
  const listed = input.map((item, index) => toListed(item, index, response.id));
  if (query.order === 'desc') listed.reverse();
  const start = query.after === undefined ? 0 : listed.findIndex(({ id }) => id === query.after) + 1;
  const data = listed.slice(start, start + query.limit);
  return {
    object: 'list' as const,
    data,
    first_id: data.at(0)?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: start + query.limit < listed.length,
  };
}

/** Items of clients have no ids of their own. Those of responses keep theirs. */
function toListed(item: ConversationItem, index: number, responseId: string): ListedItem {
  const id = item.id ?? `in_${responseId.slice('resp_'.length)}_${index}`;
  if (item.type !== 'message' || typeof item.content !== 'string')
    return { status: 'completed', ...item, id };
  const type = item.role === 'assistant' ? 'output_text' : 'input_text';
  const content = [{ type, text: item.content, ...(type === 'output_text' && { annotations: [] }) }];
  return { status: 'completed', ...item, id, content };
}
