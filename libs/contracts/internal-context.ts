/**
 * What one service tells another about a request, signed (`libs/auth/internal-context.ts`) and carried in the
 * header `x-inkmeter-context`. It never leaves the system, so its JSON is this type as it stands.
 */
import type { ModelPriceWire } from '#libs/pricing/price-wire.ts';
import type { PlanContext } from './gating.ts';

export const INTERNAL_CONTEXT_HEADER = 'x-inkmeter-context';

export const ACCOUNT_ROLES = ['owner', 'admin', 'member'] as const;
export type AccountRole = (typeof ACCOUNT_ROLES)[number];

/** Roles that run an account: its money, members and keys. */
export const MANAGER_ROLES: readonly AccountRole[] = ['owner', 'admin'];

export const PLATFORM_ROLES = ['none', 'support', 'admin'] as const;
export type PlatformRole = (typeof PLATFORM_ROLES)[number];

/** Who is calling, as established by the gateway from a token or a key. */
export type Caller = {
  accountId: string;
  /** The person; null for an API key, which acts for its account. */
  userId: string | null;
  keyId: string | null;
  workspaceId: string | null;
  role: AccountRole;
  platformRole: PlatformRole;
  /** `*`, or the scopes an API key is restricted to (`generate`, `usage:read`, …). */
  scopes: readonly string[];
};

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
  kind: 'chat' | 'generate' | 'image';
  calls: readonly PlannedCall[];
};

export type InternalContext = {
  caller: Caller;
  requestId: string;
  /** Unix seconds after which the header is not accepted. */
  exp: number;
  /** Present on the way to generation. */
  work?: {
    plan: CallPlan;
    /** Unix milliseconds at which the hold expires; all work ends before. */
    holdExpiresAtMs: number;
    /** The answer is kept for callers that may ask again under the same `Idempotency-Key`. */
    keepAnswer: boolean;
    /** What answers of ours tell of the plan. */
    planContext?: PlanContext;
  };
};
