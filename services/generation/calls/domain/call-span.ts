/** What a trace says about a provider call. */
import type { PlannedCall } from '#libs/contracts/generation-requests.ts';
import { EMBEDDING_STEP } from '#libs/pipelines/embedding.ts';
import { outputCapOf } from '#libs/pipelines/meters.ts';
import { outputTokens, promptTokens } from '#libs/pricing/units.ts';
import type { CallAttributes } from '#libs/service/gen-ai-attributes.ts';
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
    ...{ operation: operationOf(call), provider, requestModel: model, requestId, step },
    maxTokens: maxTokens > 0 ? maxTokens : undefined,
  });
}

function operationOf({ step, outputTokens: cap }: PlannedCall): string {
  if (step === EMBEDDING_STEP) return 'embeddings';
  return cap > 0 ? 'chat' : 'generate_content';
}

export function usageAttributes(
  { providerRequestId }: CallRecord,
  { units, cost }: PricedCall,
): CallAttributes {
  return {
    responseId: providerRequestId ?? undefined,
    inputTokens: promptTokens(units),
    outputTokens: outputTokens(units),
    costNanoUsd: Number(cost.totalNanoUsd),
  };
}
