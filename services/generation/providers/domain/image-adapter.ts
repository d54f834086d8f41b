/** The port to models that draw. An adapter makes one call of its vendor's SDK; it never retries and never logs. */
import type { CallContext } from './provider-adapter.ts';

export type ImageOrder = {
  prompt: string;
  /** The model as the provider calls it. */
  upstreamModel: string;
  count: number;
  /** In the provider's own words; null where it is not told. */
  size: string | null;
  quality: string | null;
};

/** One picture: itself in Base64, or where it can be fetched. */
export type DrawnImage = {
  base64: string | null;
  url: string | null;
  /** What the provider says it drew, where it words the prompt anew. */
  revisedPrompt: string | null;
};

export interface ImageAdapter {
  /** @returns at least one picture, and at most as many as were ordered. @throws ProviderError */
  draw(order: ImageOrder, context: CallContext): Promise<DrawnImage[]>;
}
