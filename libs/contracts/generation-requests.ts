/**
 * Requests that the gateway planned, priced and held, and that generation runs: `POST /internal/v1/{chat,content,…}`.
 * The body is the head as one line of JSON, a line feed, and the client's own bytes, so that neither is parsed or escaped
 * on the way:
 *
 *     curl -H 'content-type: application/x-inkmeter-request' -H "x-inkmeter-context: $SIGNED" \
 *       --data-binary $'{"requestId":"…","plan":{…},…}\n{"model":"gpt-4o-mini","messages":[…]}' …/internal/v1/chat
 */
import type { ModelPriceWire } from '#libs/pricing/price-wire.ts';
import type { Caller } from './internal-context.ts';
import type { PlanContext } from './requirements.ts';

export type RequestKind =
  | 'chat'
  | 'generate'
  | 'image'
  | 'embedding'
  | 'moderation'
  | 'search'
  | 'audio'
  | 'job';

/** One provider call of a plan. The hold covers its bounds, so generation must not exceed them. */
export type PlannedCall = {
  index: number;
  /** `chat`, `embedding`, `moderation`, `search`, or the step of a pipeline, such as `blog.edit`. */
  step: string;
  provider: string;
  model: string;
  /** The name the provider's API takes. */
  upstreamModel: string;
  /** Upper bound of prompt tokens, images included. */
  inputTokens: number;
  /** The output cap sent to the provider, for each choice. */
  outputTokens: number;
  /** Number of completions requested. */
  choices: number;
  /** Upper bounds of units that are not tokens, by unit class. */
  otherUnits: Readonly<Record<string, number>>;
  /** Counted meters that this call adds to when it succeeds, such as `gen.blog`. */
  counts: Readonly<Record<string, number>>;
  price: ModelPriceWire;
  /** Whether the request asks to store its prompt in a cache for an hour. */
  cachesForAnHour?: boolean | undefined;
  /** Whether the prompt has recordings. */
  hearsAudio?: boolean | undefined;
  /** Whether the model may bill reasoning that it does not send; unknown if absent. Output is then not countable. */
  hiddenReasoning?: boolean;
  /** The reasoning effort to request; the model's default if absent. */
  reasoningEffort?: 'low';
  /** Whether the prompt includes an image. */
  seesImage?: boolean;
  /** The image's size and quality in the provider's own terms; null if the model decides. */
  image?: {
    size: string | null;
    quality: string | null;
    /** Previews to stream of its only image. */
    partials?: number;
    /** The style image is sent with the prompt. */
    sendsStyle?: boolean;
  };
  /** The steps whose calls must have ended before it is sent. */
  after?: readonly string[];
  /** The prompt has a schema for the answer. */
  structuredOutput?: boolean;
  /** Sent instead, in this order, if the model fails before it has produced anything. The hold covers the most expensive. */
  fallbacks?: readonly PlannedCall[];
  /** Sent only if the call before it must be continued or repaired. */
  isSpare?: boolean;
};

/** Every provider call of a request, decided before the first one starts. */
export type CallPlan = {
  kind: RequestKind;
  calls: readonly PlannedCall[];
  /** For content: share of the requested length, in thousandths. */
  scale?: number;
};

/** How jobs share the results of equal requests. */
export type CacheTerms = {
  /** Requests of one owner share results: a workspace, or the accounts of a plan. */
  owner: string;
  /** Age of a result that is still used. */
  ttlMs: number;
  /** What a result from the cache costs. */
  hitCostNanoUsd: string;
  /** Whether a result from the cache counts on meters such as `gen.blog`. */
  countHits: boolean;
  /** Writes anew, and shares the new result: `Cache-Control: no-cache`. */
  refresh: boolean;
};

/** How the jobs of an account run. */
export type JobTerms = {
  /** Steps that may run at the same time. */
  maxParallel: number;
  /** Higher starts earlier. */
  priority: number;
  /** Absent if results are not shared. */
  cache?: CacheTerms;
};

/** The head of a request; its body is the client's, as JSON. */
export type GenerationRequestHead = {
  requestId: string;
  caller: Caller;
  plan: CallPlan;
  /** Unix milliseconds at which the hold expires; all calls end before. */
  holdExpiresAtMs: number;
  /** Milliseconds until the hold expires, when the head was sent. Clocks differ, so this takes precedence. */
  holdMsLeft?: number;
  /** Whether generation stores the response, for replays under the same `Idempotency-Key`. */
  storeResponse: boolean;
  /** What the response says about the plan. */
  planContext?: PlanContext;
  /** The client's `Accept`, for responses that have several forms. */
  accept?: string;
  /** For jobs. */
  terms?: JobTerms;
};

/** The head of a response: its status and headers. */
export type ResponseHead = { status: number; headers: Record<string, string> };

/** The content type of requests to generation. */
export const GENERATION_REQUEST_TYPE = 'application/x-inkmeter-request';

/** Where generation serves each kind of request. */
export const GENERATION_PATHS: Readonly<Record<RequestKind, string>> = {
  chat: '/internal/v1/chat',
  generate: '/internal/v1/content',
  image: '/internal/v1/images',
  embedding: '/internal/v1/embeddings',
  moderation: '/internal/v1/moderations',
  search: '/internal/v1/search',
  audio: '/internal/v1/audio',
  job: '/internal/v1/jobs',
};

const LINE_FEED = 0x0a;

/** What a request to generation contains; its caller is in the signed header. */
export type SentRequest = { head: Omit<GenerationRequestHead, 'caller'>; body: Buffer };

/**
 * The bytes of a request to generation.
 * @param planJson the plan of the head, which was already serialised for the hold.
 */
export function encodeGenerationRequest(head: GenerationRequestHead, planJson: string, body: Buffer): Buffer {
  const fields = JSON.stringify({ ...head, caller: undefined, plan: undefined });
  const line = `${fields.slice(0, -1)},"plan":${planJson}}\n`;
  const bytes = Buffer.allocUnsafe(Buffer.byteLength(line) + body.length);
  body.copy(bytes, bytes.write(line));
  return bytes;
}

/** @throws SyntaxError for a head that is not one line of JSON. Its shape is trusted: only the gateway signs requests. */
export function decodeGenerationRequest(bytes: Buffer): SentRequest {
  const end = bytes.indexOf(LINE_FEED);
  if (end < 0) throw new SyntaxError('The head does not end with a line feed.');
  return { head: JSON.parse(bytes.toString('utf8', 0, end)), body: bytes.subarray(end + 1) };
}

/** The fields of a body with a file: one line of JSON, which the file follows. */
export function encodeFields(fields: object): Buffer {
  return Buffer.from(`${JSON.stringify(fields)}\n`);
}

/**
 * Where the file begins in a request to generation, given the start of the request: null for a request without a file,
 * undefined if more of it is needed.
 *
 * @throws SyntaxError for a head that is not JSON.
 */
export function fileStartOf(start: Buffer, hasFile: (plan: CallPlan) => boolean): number | null | undefined {
  const headEnd = start.indexOf(LINE_FEED);
  if (headEnd < 0) return undefined;
  const { plan } = JSON.parse(start.toString('utf8', 0, headEnd)) as Pick<GenerationRequestHead, 'plan'>;
  if (!hasFile(plan)) return null;
  const fieldsEnd = start.indexOf(LINE_FEED, headEnd + 1);
  return fieldsEnd < 0 ? undefined : fieldsEnd + 1;
}
