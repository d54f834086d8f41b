/** What a trace says about a provider call. */
import type { PlannedCall } from '#libs/contracts/generation-requests.ts';
import { EMBEDDING_STEP } from '#libs/pipelines/embedding.ts';
import { outputCapOf } from '#libs/pipelines/meters.ts';
import { MODERATION_STEP } from '#libs/pipelines/moderation.ts';
import { SAFETY_STEP } from '#libs/pipelines/safety.ts';
import { outputTokens, promptTokens, type UnitClass } from '#libs/pricing/units.ts';
import { type CallAttributes, providerName } from '#libs/service/gen-ai-attributes.ts';
import { tracing } from '#libs/service/tracing.ts';
import type { CallSpan } from '#libs/service/tracing-types.ts';
import type { CallRecord } from './call-record.ts';
import type { PricedCall } from './price-call.ts';

/** Begins the span of a call; undefined unless traces are exported. */
export function startCallSpan(
  requestId: string,
  call: PlannedCall,
  parent: string | undefined,
): CallSpan | undefined {
  const { provider, model, step } = call;
  const maxTokens = outputCapOf(call);
  return tracing()?.startCall(parent, {
    ...{
      operation: operationOf(call),
      provider: providerName(provider),
      requestModel: model,
      requestId,
      step,
    },
    maxTokens: maxTokens > 0 ? maxTokens : undefined,
    outputType: outputTypeOf(call),
  });
}

/** The conventions have no names for moderation and web search. */
function operationOf({ step, otherUnits, outputTokens: cap }: PlannedCall): string {
  if (step === EMBEDDING_STEP) return 'embeddings';
  if (step === MODERATION_STEP || step === SAFETY_STEP) return 'moderation';
  if (MEDIA_UNITS.some((unit) => unit in otherUnits)) return 'generate_content';
  return cap > 0 ? 'chat' : 'search';
}

const MEDIA_UNITS: readonly UnitClass[] = ['image', 'image_unit', 'audio_second', 'character'];

function outputTypeOf({ otherUnits }: PlannedCall): string | undefined {
  if ('image' in otherUnits || 'image_unit' in otherUnits) return 'image';
  return 'character' in otherUnits ? 'speech' : undefined;
}

export function usageAttributes(
  { providerRequestId }: CallRecord,
  { units, cost }: PricedCall,
): CallAttributes {
  return {
    providerRequestId: providerRequestId ?? undefined,
    inputTokens: promptTokens(units),
    cacheReadTokens: units.cache_read,
    cacheWriteTokens: units.cache_write,
    outputTokens: outputTokens(units),
    costNanoUsd: Number(cost.totalNanoUsd),
  };
}
