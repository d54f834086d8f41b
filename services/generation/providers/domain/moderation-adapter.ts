/** The interface to moderation models. An adapter makes one call through its vendor's API; it never retries and never logs. */
import type { ModerationRequest } from '#libs/contracts/moderations.ts';
import type { CallContext } from './provider-adapter.ts';

export type ModerationAdapter = {
  /** @returns the vendor's document, in OpenAI's format. @throws ProviderError */
  readonly moderate: (request: ModerationRequest, context: CallContext) => Promise<Buffer>;
};
