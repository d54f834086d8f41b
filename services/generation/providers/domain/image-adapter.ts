/** The interface to image models. An adapter makes one call through its vendor's API; it never retries and never logs. */
import type { CallContext } from './provider-adapter.ts';

export type ImageOrder = {
  prompt: string;
  /** The provider's name for the model. */
  upstreamModel: string;
  count: number;
  /** In the provider's vocabulary; null if it is not sent. */
  size: string | null;
  quality: string | null;
  /** Images that the prompt speaks of, as PNG; none if absent. */
  images?: readonly Buffer[];
  /** Previews to stream of the only image; none if absent. */
  previews?: ImagePreviews;
};

export type ImagePreviews = {
  readonly count: number;
  /** Receives each, in Base64. */
  readonly onPreview: (position: number, base64: string) => void;
};

/** One image: as Base64, or as a URL. */
export type DrawnImage = {
  base64: string | null;
  url: string | null;
  /** The prompt as the provider rewrote it. */
  revisedPrompt: string | null;
};

/** Images, and what the provider reports to have billed for all of them; null if it reports nothing. */
export type Drawn = {
  images: DrawnImage[];
  billed: {
    /** Of texts and images. */
    promptTokens: number;
    /** Of the images among them; null if they are not reported. */
    imageTokens: number | null;
    imageUnits: number;
  } | null;
};

export type ImageAdapter = {
  /** @returns at least one image, and at most as many as ordered. @throws ProviderError */
  readonly draw: (order: ImageOrder, context: CallContext) => Promise<Drawn>;
};
