import type { IncomingHttpHeaders } from 'node:http';
import type { CacheablePrompt, Usage } from './usage.ts';
import type { CountMode, TextCounter } from './vendor-tokens/text-tokens.ts';

/** The providers whose wire formats the simulator speaks. */
export const providers = [
  'openai',
  'anthropic',
  'gemini',
  'xai',
  'mistral',
  'ollama',
  'stability',
  'tavily',
  'serper',
  'exa',
  'firecrawl',
] as const;
export type Provider = (typeof providers)[number];

/** Providers with a chat endpoint in OpenAI's format, each with an accounting of its own. */
export type CompatibleProvider = Extract<Provider, 'openai' | 'xai' | 'mistral' | 'ollama'>;

/** The input of the model, in the order in which it is read. */
export interface Prompt extends CacheablePrompt {
  /** Fixed price of the attached images, in tokens. */
  readonly imageTokens: number;
  readonly system: string;
  /** Text of the last user message. */
  readonly user: string;
  /** Set when the conversation ends with the result of a tool. */
  readonly toolResult: string | undefined;
  readonly cacheForAnHour: boolean;
}

/** A JSON schema as clients send it, in any of the vendors' variants. */
export type JsonSchema = Readonly<Record<string, unknown>>;

export interface Tool {
  readonly name: string;
  readonly schema: JsonSchema;
}

export interface EmbeddingOrder {
  /** Token ids are written as words. */
  readonly texts: readonly string[];
  readonly dimensions: number;
  readonly asBase64: boolean;
}

/** A request, independent of the vendor. */
export interface Call {
  /** As the client sent it; may contain a directive after `#`. */
  readonly model: string;
  readonly stream: boolean;
  /** Maximum output tokens of each choice, including reasoning. */
  readonly cap: number | undefined;
  readonly choices: number;
  readonly prompt: Prompt;
  /** Tokens of the complete prompt, as the vendor documents them. */
  readonly countPrompt: (mode: CountMode) => number;
  /** Those of recordings, which are part of them. */
  readonly countAudio: (mode: CountMode) => number;
  /** The vendor's context window, above which it refuses prompts; absent if the simulator does not check it. */
  readonly window?: number;
  /** Tokens of a text of the answer. */
  readonly countText: TextCounter;
  readonly tools: readonly Tool[];
  readonly toolChoice: 'auto' | 'none' | 'required' | { readonly name: string };
  /** `{}` asks for any JSON object. */
  readonly outputSchema: JsonSchema | undefined;
  readonly reasons: boolean;
  /** Whether the vendor would send usage at the end of a stream. */
  readonly usageInStream: boolean;
  /** Whether the vendor caches repeated prompts automatically. */
  readonly cachesByItself: boolean;
  /** Images to draw; 0 for text. */
  readonly images: number;
  /** Previews to stream of each image. */
  readonly partialImages?: number;
  /** Of pictures: `1024x1536`, or a ratio such as `2:3`. A square by default. */
  readonly imageShape?: string;
  /** Texts to turn into vectors. */
  readonly embedding?: EmbeddingOrder;
  /** The end user's identifier, one of the ways to pass directives. */
  readonly endUser: string | undefined;
}

export type Finish = 'stop' | 'length' | 'tool' | 'filtered';

export interface ToolCall {
  readonly id: string;
  readonly name: string;
  /** JSON. */
  readonly arguments: string;
}

export interface Choice {
  readonly text: string;
  readonly toolCall: ToolCall | undefined;
  readonly finish: Finish;
  /** Output tokens without reasoning. */
  readonly tokens: number;
}

/** An answer, independent of the vendor. */
export interface Answer {
  readonly id: string;
  readonly createdAtSeconds: number;
  readonly model: string;
  readonly call: Call;
  readonly choices: readonly Choice[];
  /** Sums over all choices. */
  readonly usage: Usage;
  readonly reportsUsage: boolean;
  /** The number of pieces of a streamed text; undefined derives it from the length. */
  readonly pieces: number | undefined;
}

/** One server-sent event and the visible output tokens the client has once it was written. */
export interface Frame {
  readonly text: string;
  readonly outputTokens: number;
  /** The first frame with the final usage, which `usage=late` delays. */
  readonly isUsage?: boolean;
}

/** A request that is answered with an error. `message` is the vendor's own wording where it is known. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: number;
  readonly code: string | null;
  readonly param: string | null;
  readonly retryAfterMs: number | undefined;

  constructor(
    status: number,
    message: string,
    details: { code?: string; param?: string; retryAfterMs?: number } = {},
  ) {
    super(message);
    this.status = status;
    this.code = details.code ?? null;
    this.param = details.param ?? null;
    this.retryAfterMs = details.retryAfterMs;
  }
}

/** The parts of a request's address and headers that affect how it is read. */
export interface Target {
  readonly headers: IncomingHttpHeaders;
  /** Without the question mark. */
  readonly query: string;
  /** Gemini names the model and the method in the path. */
  readonly model: string;
  readonly stream: boolean;
}

/** The wire format of one vendor. */
export interface Dialect {
  readonly provider: Provider;
  readonly idPrefix: string;
  readonly requestIdHeader: string;
  /** @returns the caller's key, or undefined if there is none */
  credential(target: Target): string | undefined;
  /** For requests that are not JSON. @throws Refusal */
  parse?(body: Buffer, target: Target): unknown;
  /** @throws Refusal if the vendor would answer 4xx */
  read(body: unknown, target: Target): Call;
  writeAnswer(answer: Answer): string;
  writeFrames(answer: Answer): Frame[];
  /** For a vendor whose error statuses differ. */
  statusOf?(refusal: Refusal): number;
  writeRefusal(refusal: Refusal, requestId: string): string;
}
