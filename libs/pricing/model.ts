export const MODEL_KINDS = [
  'text',
  'image',
  'embedding',
  'moderation',
  'audio',
  'speech',
  'search',
  'page',
] as const;
export type ModelKind = (typeof MODEL_KINDS)[number];

export const TOKENIZERS = ['o200k_base', 'cl100k_base'] as const;
export type Tokenizer = (typeof TOKENIZERS)[number];

export interface ModelCapabilities {
  readonly vision: boolean;
  readonly tools: boolean;
  readonly jsonSchema: boolean;
  readonly reasoning: boolean;
  readonly streaming: boolean;
  /** PDF documents in prompts. */
  readonly pdf?: boolean;
  /** Recordings in prompts. */
  readonly audio?: boolean;
}

/** A model without its prices. */
export interface ModelInfo {
  readonly provider: string;
  /** The name that clients use. Names and aliases are unique over all providers. */
  readonly model: string;
  readonly aliases: readonly string[];
  /** The name in the provider's API. */
  readonly upstreamModel: string;
  readonly kind: ModelKind;
  /** Tokens of prompt and output together; 0 for a model without tokens. */
  readonly contextWindow: number;
  readonly maxOutputTokens: number;
  /** Upper bound of the input tokens of one image in a prompt; 0 if the model accepts no images. */
  readonly maxImageInputTokens: number;
  /**
   * Whether the provider refuses prompts with more tokens than the context window, so that no prompt can be billed for more.
   * Absent for no.
   */
  readonly enforcesWindow?: boolean;
  /** Upper bound of the input tokens of a page of a PDF document; absent if only the context window bounds them. */
  readonly maxPageInputTokens?: number;
  /** Upper bound of the input tokens of a second of a recording; absent if the model accepts none. */
  readonly maxAudioTokensPerSecond?: number;
  /** The public tokenizer that counts this model's prompts exactly; null if there is none. */
  readonly tokenizer: Tokenizer | null;
  readonly capabilities: ModelCapabilities;
}

/** Finds a model by its key or alias, with or without the provider: `gpt-4o`, `openai/gpt-4o`. */
export function findModel(models: readonly ModelInfo[], name: string): ModelInfo | undefined {
  return models.find((info) =>
    [info.model, ...info.aliases].some((known) => known === name || `${info.provider}/${known}` === name),
  );
}
