/** Shared by the translations from OpenAI's format. */
import type { ChatCompletionRequest, ChatMessage } from '#libs/contracts/chat-completions.ts';
import { type FilePart, pdfOf } from '#libs/pipelines/prompt-parts.ts';
import { ProviderError, unsupported } from './domain/provider-error.ts';

type Content = ChatMessage['content'];

/** The text of a message's content, without images. */
export function textOf(content: Content): string {
  if (typeof content === 'string') return content;
  let text = '';
  for (const part of content ?? []) {
    if (part.type === 'text') text += part.text;
    else if (part.type === 'refusal') text += part.refusal;
  }
  return text;
}

/** All system and developer messages as one text, because these providers accept a single instruction. */
export function systemText(messages: readonly ChatMessage[]): string {
  return messages
    .filter(({ role }) => role === 'system' || role === 'developer')
    .map(({ content }) => textOf(content))
    .filter((text) => text !== '')
    .join('\n\n');
}

const DATA_URL = /^data:(image\/(?:png|jpeg|gif|webp));base64,([A-Za-z0-9+/=\s]+)$/;

export type ImageSource = { mimeType: string; base64: string } | { url: string };

/** @throws ProviderError `bad_request` unless it is a base64 image or an http URL. */
export function readImage(url: string, param: string): ImageSource {
  if (/^https?:\/\//i.test(url)) return { url };
  const [, mimeType, base64] = DATA_URL.exec(url) ?? [];
  if (mimeType === undefined || base64 === undefined) {
    const message = `${param} must be an http URL or a base64 data URL of a PNG, JPEG, GIF or WebP image.`;
    throw new ProviderError('bad_request', message, { param });
  }
  return { mimeType, base64 };
}

/** The base64 of a PDF document. @throws ProviderError `bad_request` if the part is none. */
export function pdfData(part: FilePart): string {
  const data = pdfOf(part);
  if (data === undefined) throw new ProviderError('bad_request', 'A file is not a PDF document as base64.');
  return data;
}

/** A tool's arguments as an object. Models can write invalid JSON, which becomes `{ input: text }`. */
export function parseArguments(text: string): Record<string, unknown> {
  try {
    const value = JSON.parse(text) as unknown;
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>;
    }
  } catch {
    // handled below
  }
  return text.trim() === '' ? {} : { input: text };
}

type Parameter = keyof ChatCompletionRequest;

/**
 * Refuses parameters that would change the answer and that a provider lacks. Zero and `false` have no effect.
 * @throws ProviderError `unsupported`
 */
export function refuseParameters(
  body: ChatCompletionRequest,
  reasons: Readonly<Partial<Record<Parameter, string>>>,
): void {
  for (const [parameter, why] of Object.entries(reasons)) {
    const value = body[parameter as Parameter];
    if (value === undefined || value === null || value === 0 || value === false) continue;
    if (typeof value === 'object' && Object.keys(value).length === 0) continue;
    throw unsupported(parameter, why);
  }
}

/** The share of the output cap that each effort may spend on reasoning. The rest is for the answer. */
const EFFORT_PERCENT = { none: 0, minimal: 10, low: 20, medium: 50, high: 80, xhigh: 90, max: 95 } as const;

/** The reasoning budget inside the cap; undefined if the client leaves it to the model. */
export function thinkingBudget(
  { reasoning_effort: effort }: ChatCompletionRequest,
  cap: number,
): number | undefined {
  return effort ? Math.floor((cap * EFFORT_PERCENT[effort]) / 100) : undefined;
}
