/** Work that the gateway planned, priced and held, and that generation runs. */
import type { ModelPriceWire } from '#libs/pricing/price-wire.ts';
import type { Caller } from './internal-context.ts';
import type { PlanContext } from './requirements.ts';

/** The protocol that a connection is upgraded to, and its path. */
export const WORK_PROTOCOL = 'inkmeter-work';
export const WORK_PATH = '/internal/work';

export type WorkKind = 'chat' | 'generate' | 'image';

/** One provider call of a plan. The hold covers its bounds, so generation must not exceed them. */
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
  /** Number of completions requested. */
  choices: number;
  /** Upper bounds of units that are not tokens, by unit class. */
  otherUnits: Readonly<Record<string, number>>;
  /** Counted meters that this call adds to when it succeeds, such as `gen.blog`. */
  counts: Readonly<Record<string, number>>;
  price: ModelPriceWire;
  /** The reasoning effort to request; the model's default if absent. */
  reasoningEffort?: 'low';
  /** The image's size and quality in the provider's own terms; null if the model decides. */
  image?: { size: string | null; quality: string | null };
};

/** Every provider call of a request, decided before the first one starts. */
export type CallPlan = {
  kind: WorkKind;
  calls: readonly PlannedCall[];
};

/** The head of a request; its body is the client's, as JSON. */
export type WorkHead = {
  requestId: string;
  caller: Caller;
  plan: CallPlan;
  /** Unix milliseconds at which the hold expires; all calls end before. */
  holdExpiresAtMs: number;
  /** Whether generation stores the response, for replays under the same `Idempotency-Key`. */
  storeResponse: boolean;
  /** What the response says about the plan. */
  planContext?: PlanContext;
  /** The client's `Accept`, for work whose response has several forms. */
  accept?: string;
};

/** The head of a response: its status and headers. */
export type AnswerHead = { status: number; headers: Record<string, string> };
