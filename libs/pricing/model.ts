export const MODEL_KINDS = ['text', 'image', 'audio', 'search', 'page'] as const;
export type ModelKind = (typeof MODEL_KINDS)[number];

export const TOKENIZERS = ['o200k_base', 'cl100k_base'] as const;
export type Tokenizer = (typeof TOKENIZERS)[number];

export interface ModelCapabilities {
  readonly vision: boolean;
  readonly tools: boolean;
  readonly jsonSchema: boolean;
  readonly reasoning: boolean;
  readonly streaming: boolean;
}

/** What is known of a model beside its prices. */
export interface ModelInfo {
  readonly provider: string;
  /** The name clients use; unique over all providers, together with the aliases. */
  readonly model: string;
  readonly aliases: readonly string[];
  /** The name the provider's API takes. */
  readonly upstreamModel: string;
  readonly kind: ModelKind;
  /** Tokens of prompt and answer together; 0 where tokens mean nothing. */
  readonly contextWindow: number;
  readonly maxOutputTokens: number;
  /** Upper bound of the input tokens that one image in a prompt can take; 0 when images are not accepted. */
  readonly maxImageInputTokens: number;
  /** The public tokenizer that counts this model's prompts exactly; null when there is none. */
  readonly tokenizer: Tokenizer | null;
  readonly capabilities: ModelCapabilities;
}

/** The model a client means by a name: its key, an alias, or either after the provider, as in `openai/gpt-4o`. */
export function findModel(models: readonly ModelInfo[], name: string): ModelInfo | undefined {
  return models.find((info) =>
    [info.model, ...info.aliases].some((known) => known === name || `${info.provider}/${known}` === name),
  );
}
