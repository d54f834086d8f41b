/** Claude's marks for prompt caching, which translations carry over. */
import type { ChatMessage, ChatTool } from '#libs/contracts/chat-completions.ts';

export type CacheMark = ChatTool['cache_control'];
export type Marked = { cache_control?: CacheMark };

export function markOf({ cache_control: mark }: Marked): Marked {
  return mark ? { cache_control: mark } : {};
}

/** Marks the last message, for a mark of the whole request. */
export function markLast(messages: readonly ChatMessage[], mark: CacheMark): ChatMessage[] {
  return messages.map((message, index) =>
    index === messages.length - 1 ? { ...message, cache_control: mark } : message,
  );
}
