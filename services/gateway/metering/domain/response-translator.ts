/** Translates one response of generation into another wire format while it passes. Must not throw. */
export type ResponseTranslator = {
  /** @returns what to send for these bytes; an empty string for nothing. */
  readonly push: (chunk: Buffer) => string;
  /** What to send at the end; the response waits for it. */
  readonly end: () => string | Promise<string>;
};

export type ResponseHeadInfo = { readonly status: number; readonly contentType: string };

/** Begins the translation of a response. */
export type TranslateResponse = (head: ResponseHeadInfo) => ResponseTranslator;
