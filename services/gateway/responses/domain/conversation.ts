/** Conversations of responses, and what of them is stored. */
import type { Caller } from '#libs/contracts/internal-context.ts';
import type { ConversationItem, InputItem, ModelResponse } from '#libs/contracts/responses.ts';
import { problem } from '#libs/problems/problems.ts';

/** As long as OpenAI stores them. */
export const STORED_FOR_MS = 30 * 24 * 3_600_000;
/** Most stored responses of an account; older ones are deleted. */
export const MAX_RESPONSES = 1000;
/** A longer conversation is not stored. */
export const MAX_STORED_BYTES = 4 * 1024 * 1024;

export type StoredConversation = {
  readonly response: ModelResponse;
  /** Every item so far, those of the response included. */
  readonly items: readonly ConversationItem[];
};

/** Whose stored responses a caller reaches: those of an end user, or with null all of the account. */
export type ResponseOwner = { accountId: string; endUserId: string | null };

export const responseOwnerOf = ({ accountId, userId, session }: Caller): ResponseOwner => ({
  accountId,
  endUserId: session === undefined ? null : userId,
});

/** Reads a stored response that the caller reaches. */
export type FindResponse = (id: string) => Promise<StoredConversation | undefined>;

/** The ids of a response and its items: an item's id contains that of its response, so that it can be found. */
export function responseIdOf(requestId: string): string {
  return `resp_${requestId.replaceAll('-', '')}`;
}

export type ItemKind = 'msg' | 'fc' | 'ctc' | 'rs';

export function itemIdOf(responseId: string, kind: ItemKind, index: number): string {
  return `${kind}_${responseId.slice('resp_'.length)}_${index}`;
}

const ITEM_ID = /^(?:msg|fc|ctc|rs)_([0-9a-f]{32})_\d+$/;

/** The conversation that a request continues, with references replaced by the items that they name. */
export async function conversationOf(
  request: { previous_response_id?: string | null | undefined; input: string | readonly InputItem[] },
  find: FindResponse,
): Promise<ConversationItem[]> {
  const { previous_response_id: previous, input } = request;
  const items: ConversationItem[] = [];
  if (previous) {
    const stored = await find(previous);
    if (stored === undefined) throw notStored('previous_response_id', previous);
    items.push(...stored.items);
  }
  if (typeof input === 'string') return [...items, { type: 'message', role: 'user', content: input }];
  for (const [index, item] of input.entries()) {
    items.push(item.type === 'item_reference' ? await referred(item.id, `input.${index}.id`, find) : item);
  }
  return items;
}

async function referred(id: string, param: string, find: FindResponse): Promise<ConversationItem> {
  const [, response] = ITEM_ID.exec(id) ?? [];
  const stored = response === undefined ? undefined : await find(`resp_${response}`);
  const item = stored?.items.find((one) => one.id === id);
  if (item === undefined) throw notStored(param, id);
  return item;
}

function notStored(param: string, id: string) {
  return problem('invalid_request', {
    detail: `${param}: ${id} is not stored. Stored responses are kept for 30 days.`,
    fields: { param },
  });
}
