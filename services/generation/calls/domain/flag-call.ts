import type { PlannedCall } from '#libs/contracts/generation-requests.ts';
import type { SettleAnswer } from '#libs/ledger/types.ts';
import type { Logger } from '#libs/service/logger.ts';
import { unexpectedTier } from '../../providers/domain/service-tier.ts';
import type { CallMetrics } from './call-metrics.ts';
import type { CallRecord } from './call-record.ts';
import type { PricedCall } from './price-call.ts';

/** A call that used more than was held for it. */
export type Overrun = {
  holdId: string;
  accountId: string;
  callIndex: number;
  provider: string;
  model: string;
  costNanoUsd: bigint;
  tokens: number;
};

export type FlagOptions = {
  metrics: CallMetrics;
  logger: Logger;
  /** Emits the event. A failure is logged; the usage row is marked in any case. */
  reportOverrun: (overrun: Overrun) => Promise<void>;
};

/** Logs and counts what should not happen to a settled call: another service tier, usage above the hold, a late row. */
export async function flagCall(
  { metrics, logger, reportOverrun }: FlagOptions,
  hold: { holdId: string; accountId: string },
  { call, record, priced }: { call: PlannedCall; record: CallRecord; priced: PricedCall },
  answer: Pick<SettleAnswer, 'late' | 'overrun'> & { outcome: string },
): Promise<void> {
  if (answer.outcome === 'repeated') return;
  const { provider, model } = call;
  const fields = { hold: hold.holdId, call: call.index, provider, model };
  const tier = unexpectedTier(provider, record.serviceTier);
  if (tier !== null) {
    metrics.recordServiceTierMismatch(provider);
    logger.warn({ ...fields, tier, price_version: priced.priceVersion }, 'service tier mismatched');
  }
  if (answer.late || priced.hasUnpricedClass) {
    logger.warn(
      { ...fields, late: answer.late, unpriced: priced.hasUnpricedClass },
      'call settled beyond its hold',
    );
  }
  if (!answer.overrun) return;
  const overrun = overrunOf(hold, call, priced);
  metrics.recordOverrun(provider);
  logger.warn(
    { ...fields, cost_nano_usd: overrun.costNanoUsd.toString(), tokens: overrun.tokens },
    'usage above hold',
  );
  await reportOverrun(overrun).catch((error: unknown) => {
    logger.error({ err: error, ...fields }, 'reporting an overrun failed');
  });
}

function overrunOf(
  hold: { holdId: string; accountId: string },
  { index, provider, model }: PlannedCall,
  { cost, tokens }: PricedCall,
): Overrun {
  return { ...hold, callIndex: index, provider, model, costNanoUsd: cost.totalNanoUsd, tokens };
}
