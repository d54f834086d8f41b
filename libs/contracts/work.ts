/**
 * Work: what the gateway has planned, priced and held, and generation does. It goes over channels (`libs/channel`), which
 * are opened under a signed context, one for each pair of processes; so the heads are these types as they stand.
 */
import type { ModelPriceWire } from '#libs/pricing/price-wire.ts';
import type { Caller } from './internal-context.ts';
import type { PlanContext } from './requirements.ts';

/** What a connection is upgraded to, and where. */
export const WORK_PROTOCOL = 'inkmeter-work';
export const WORK_PATH = '/internal/work';

export type WorkKind = 'chat' | 'generate' | 'image';

/** One provider call of a plan: its bounds are what the hold was made for, so generation must keep them. */
export type PlannedCall = {
  index: number;
  /** `chat`, or the step of a pipeline (`research`, `write`, `edit`, `social`). */
  step: string;
  provider: string;
  model: string;
  /** The name the provider's API takes. */
  upstreamModel: string;
  /** Upper bound of prompt tokens, images included. */
  inputTokens: number;
  /** The output cap sent to the provider, for each choice. */
  outputTokens: number;
  /** How many answers the call asks for. */
  choices: number;
  /** Upper bounds of units that are not tokens, by unit class. */
  otherUnits: Readonly<Record<string, number>>;
  /** Counted meters that this call fulfils when it succeeds, such as `gen.blog`. */
  counts: Readonly<Record<string, number>>;
  price: ModelPriceWire;
  /** How hard a reasoning model may think, where the plan says so. */
  reasoningEffort?: 'low';
  /** How a picture is asked for, in the provider's own words; null where it cannot be told, or need not be. */
  image?: { size: string | null; quality: string | null };
};

/** Everything a request will do to providers, decided before it starts. */
export type CallPlan = {
  kind: WorkKind;
  calls: readonly PlannedCall[];
};

/** The head of a request; its body is the client's, as JSON. */
export type WorkHead = {
  requestId: string;
  caller: Caller;
  plan: CallPlan;
  /** Unix milliseconds at which the hold expires; all work ends before. */
  holdExpiresAtMs: number;
  /** The answer is kept for callers that may ask again under the same `Idempotency-Key`. */
  storeResponse: boolean;
  /** What answers of ours tell of the plan. */
  planContext?: PlanContext;
  /** The client's `Accept`, for work whose answer has several forms. */
  accept?: string;
};

/** The head of an answer, in HTTP's terms. */
export type AnswerHead = { status: number; headers: Record<string, string> };
