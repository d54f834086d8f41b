/** Legacy completions as chats. */
import type { ChatCompletionRequest } from '#libs/contracts/chat-completions.ts';
import type { CompletionRequest } from '#libs/contracts/completions.ts';
import { isFields, refuse } from '../chat/domain/fields.ts';
import { dropIgnoredFields } from '../chat/domain/ignored-fields.ts';

/** Parameters that a chat cannot express, with the values that change nothing. */
const REFUSED: Readonly<Record<string, { unless: readonly unknown[]; why: string }>> = {
  suffix: { unless: [null, ''], why: 'chats do not insert text' },
  echo: { unless: [null, false], why: 'prepend the prompt yourself' },
  best_of: { unless: [null, 1], why: 'use n' },
  logprobs: { unless: [null], why: 'use POST /v1/chat/completions' },
};

/** Removes parameters without an effect, in place. @throws ProblemError `unsupported_parameter` */
export function checkCompletionFields(body: unknown): void {
  if (!isFields(body)) return;
  for (const [name, { unless, why }] of Object.entries(REFUSED)) {
    const value = body[name];
    if (value !== undefined && !unless.includes(value)) refuse(name, why);
    delete body[name];
  }
  dropIgnoredFields(body);
}

export function toChat({ prompt, ...parameters }: CompletionRequest): ChatCompletionRequest {
  const content = typeof prompt === 'string' ? prompt : prompt.join('');
  return { ...parameters, messages: [{ role: 'user', content }] };
}
