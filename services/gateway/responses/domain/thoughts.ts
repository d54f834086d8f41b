/** Claude's signed reasoning as the `encrypted_content` of a reasoning item, which clients only pass back. */
import type { ThinkingBlock } from '#libs/contracts/chat-answers.ts';
import { thinkingBlock } from '#libs/contracts/chat-completions.ts';

/** Distinguishes our own content from that of OpenAI's models, which no chat can use. */
const PREFIX = 'ink1.';

export function encodeThoughts(blocks: readonly ThinkingBlock[]): string {
  return PREFIX + Buffer.from(JSON.stringify(blocks)).toString('base64url');
}

/** @returns nothing for content of others. */
export function thoughtsOf(content: string | null | undefined): ThinkingBlock[] {
  if (!content?.startsWith(PREFIX)) return [];
  try {
    const text = Buffer.from(content.slice(PREFIX.length), 'base64url').toString('utf8');
    return thinkingBlock.array().parse(JSON.parse(text));
  } catch {
    return [];
  }
}
