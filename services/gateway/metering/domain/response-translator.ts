/** Translates one response of generation into another wire format while it passes. Must not throw. */
export type ResponseTranslator = {
  /** The type of what is sent, if it differs. */
  readonly contentType?: string;
  /** @returns what to send for these bytes; an empty string for nothing. */
  readonly push: (chunk: Buffer) => string;
  /** What to send at the end; the response waits for it. */
  readonly end: () => string | Promise<string>;
};

export type ResponseHeadInfo = { readonly status: number; readonly contentType: string };

/** Begins the translation of a response. */
export type TranslateResponse = (head: ResponseHeadInfo) => ResponseTranslator;
