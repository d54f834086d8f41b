import type { PlannedCall } from '#libs/contracts/generation-requests.ts';
import type { CallFacts, UsageSource } from '#libs/ledger/types.ts';
import { usageFacts } from '#libs/ledger/usage-facts.ts';
import { EMBEDDING_STEP } from '#libs/pipelines/embedding.ts';
import { MODERATION_STEP } from '#libs/pipelines/moderation.ts';
import { boundUsageOf } from '#libs/pipelines/unknown-outcome.ts';
import { type CostParts, costParts, UnpricedClassError, worstCaseNanoUsd } from '#libs/pricing/price.ts';
import { priceOf } from '#libs/pricing/price-wire.ts';
import { priceOfTier } from '#libs/pricing/service-tiers.ts';
import { promptTokens, totalTokens, type Units } from '#libs/pricing/units.ts';
import { unexpectedTier } from '../../providers/domain/service-tier.ts';
import type { CallRecord } from './call-record.ts';
import type { Measured, Outcome } from './measure.ts';

/** The charge for a call. */
export type PricedCall = {
  units: Units;
  source: UsageSource;
  cost: CostParts;
  tokens: number;
  /** Names the prices; those of another service tier if that served the call. */
  priceVersion: string;
  /** The provider reported a class without a price, which was charged at the highest price of the model. */
  hasUnpricedClass: boolean;
};

/**
 * Prices the measured usage, at the prices of the service tier that served the call. A class without a price costs as much
 * as the model's most expensive class. An unknown outcome costs what was held for the call.
 * @param serviceTier as the provider reported it.
 */
export function priceCall(
  call: PlannedCall,
  { units, source }: Measured,
  serviceTier: string | null = null,
): PricedCall {
  const standard = priceOf(call.price);
  if (units === null) {
    const bound = boundUsageOf(call, standard);
    const tokens = totalTokens(bound.units);
    return { ...bound, source, tokens, priceVersion: standard.version, hasUnpricedClass: false };
  }
  const tier = unexpectedTier(call.provider, serviceTier);
  const price = tier === null ? standard : priceOfTier(standard, tier);
  const priceVersion = price.version;
  const tokens = totalTokens(units);
  try {
    return { units, source, tokens, cost: costParts(units, price), priceVersion, hasUnpricedClass: false };
  } catch (error) {
    if (!(error instanceof UnpricedClassError)) throw error;
    const inputTokens = promptTokens(units);
    const bound = {
      inputTokens,
      outputTokens: tokens - inputTokens,
      cachesForAnHour: true,
      hearsAudio: true,
    };
    const totalNanoUsd = worstCaseNanoUsd(bound, price);
    const cost = { inputNanoUsd: totalNanoUsd, outputNanoUsd: 0n, totalNanoUsd };
    return { units, source, tokens, cost, priceVersion, hasUnpricedClass: true };
  }
}

/** The vendor's endpoint, by the step of a call. */
const ENDPOINTS: Readonly<Record<string, string>> = {
  [EMBEDDING_STEP]: 'embeddings',
  [MODERATION_STEP]: 'moderations',
};

function endpointOf({ step, image }: PlannedCall): string {
  if (image === undefined) return ENDPOINTS[step] ?? 'chat.completions';
  return image.sendsStyle === true ? 'images.edits' : 'images.generations';
}

/** The facts of a call for its usage row. */
export function factsOf(
  call: PlannedCall,
  record: CallRecord,
  { status, errorCode }: Outcome,
  { units, source, cost, priceVersion }: PricedCall,
): CallFacts {
  return {
    step: call.step,
    provider: call.provider,
    model: call.model,
    endpoint: endpointOf(call),
    status,
    errorCode,
    usageSource: source,
    ...usageFacts(units, cost),
    priceVersion,
    latencyMs: record.latencyMs,
    firstByteMs: record.firstByteMs,
    attempts: record.attempts,
    requestBytes: record.requestBytes,
    responseBytes: record.responseBytes,
    providerRequestId: record.providerRequestId,
  };
}
