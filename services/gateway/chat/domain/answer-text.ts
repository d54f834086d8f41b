import type { AnswerMessage, MessageDelta } from '#libs/contracts/chat-answers.ts';

type Written = AnswerMessage | MessageDelta;
type ContentPart = { type?: unknown; text?: unknown; thinking?: unknown } | null;

/** The visible text of an answer, or of a piece of one. A refusal is text. Mistral writes it in parts. */
export function visibleText({ content, refusal }: Written): string {
  const text = typeof content === 'string' ? content : textOfParts(content, 'text');
  return text + (refusal ?? '');
}

/** The visible reasoning. Vendors disagree on the field; Mistral sends it as parts of the content. */
export function visibleReasoning(written: Written): string {
  const { content, reasoning_content: named, reasoning } = written as Written & { reasoning?: unknown };
  const own = named || (typeof reasoning === 'string' ? reasoning : '');
  return own + textOfParts(content, 'thinking');
}

function textOfParts(content: unknown, type: 'text' | 'thinking'): string {
  if (!Array.isArray(content)) return '';
  let text = '';
  for (const part of content as readonly ContentPart[]) {
    if (part?.type !== type) continue;
    const value = part[type];
    text += typeof value === 'string' ? value : textOfParts(value, 'text');
  }
  return text;
}
