/** Explains one request: why it was admitted or refused, and its calls. */
import {
  type LimitReading,
  limitToWire,
  type MeterAmountWire,
  toMeterAmount,
} from '#libs/contracts/limits.ts';
import type { RequestReport, VERDICTS } from '#libs/contracts/usage.ts';
import type { ledgerHolds } from '#libs/db/schema/ledger.ts';
import { formatUsd } from '#libs/money/money.ts';
import { presentPlan, pricedUnitsOf, readPlan } from './call-plan.ts';
import { type CallRecord, correctedCall, presentCall } from './call-record.ts';

export type Verdict = (typeof VERDICTS)[number];

/** A limit when the hold was decided; `binding` marks the one that decided. */
export type LimitAtDecision = LimitReading & { binding: boolean };

/** The columns of a hold that its report shows. */
type HoldColumns =
  | 'id'
  | 'accountId'
  | 'userId'
  | 'keyId'
  | 'state'
  | 'createdAt'
  | 'expiresAt'
  | 'closedAt'
  | 'meters'
  | 'asked'
  | 'remaining'
  | 'detail';

export type HoldRecord = Pick<typeof ledgerHolds.$inferSelect, HoldColumns> & {
  verdict: Verdict;
  /** `kind:target` of the emergency stop that refused it. */
  stop: string | null;
  limits: readonly LimitAtDecision[];
};

export function requestReportOf(hold: HoldRecord, calls: readonly CallRecord[]): RequestReport {
  const plan = readPlan(hold.detail);
  const binding = hold.limits.find((limit) => limit.binding);
  return {
    request_id: hold.id,
    account_id: hold.accountId,
    user_id: hold.userId,
    key_id: hold.keyId,
    decision: {
      verdict: hold.verdict,
      explanation: explain(hold, binding),
      decided_at: hold.createdAt.toISOString(),
      stop: hold.stop,
      asked: amountsOf(hold.meters, hold.asked),
      limits: hold.limits.map((limit) => ({ ...limitToWire(limit), binding: limit.binding })),
    },
    hold:
      hold.state === 'refused'
        ? null
        : {
            state: hold.state,
            expires_at: hold.expiresAt.toISOString(),
            closed_at: hold.closedAt?.toISOString() ?? null,
            remaining: amountsOf(hold.meters, hold.remaining).filter(({ amount }) => amount !== '0'),
          },
    call_plan: plan === null ? null : presentPlan(plan),
    calls: calls.map((call) => ({ ...presentCall(call), priced_units: pricedUnitsOf(call, plan) })),
    totals: totalsOf(
      calls.map((call) =>
        call.correction === null ? call : { ...call, ...correctedCall(call, call.correction) },
      ),
    ),
  };
}

function amountsOf(meters: readonly string[], amounts: readonly bigint[]): MeterAmountWire[] {
  return meters.map((meter, index) => toMeterAmount(meter, amounts[index] ?? 0n));
}

function totalsOf(calls: readonly CallRecord[]): RequestReport['totals'] {
  const sum = (pick: (call: CallRecord) => number | null) =>
    calls.reduce((total, call) => total + (pick(call) ?? 0), 0);
  const tokens = {
    input: sum((call) => call.inputTokens),
    cache_read: sum((call) => call.cacheReadTokens),
    cache_write: sum((call) => call.cacheWriteTokens),
    output: sum((call) => call.outputTokens),
    reasoning: sum((call) => call.reasoningTokens),
  };
  const costNanoUsd = calls.reduce((total, call) => total + call.costNanoUsd, 0n);
  return {
    calls: calls.length,
    tokens: { ...tokens, total: Object.values(tokens).reduce((total, amount) => total + amount, 0) },
    cost_usd: formatUsd(costNanoUsd),
    cost_nano_usd: costNanoUsd.toString(),
  };
}

function explain(hold: HoldRecord, binding: LimitAtDecision | undefined): string {
  const where = binding === undefined ? 'A limit' : describeLimit(binding);
  const asked =
    binding === undefined
      ? ''
      : `, and the request asked for up to ${quantity(binding.meter, askedOf(hold, binding.meter))}`;
  switch (hold.verdict) {
    case 'ok':
      return binding === undefined
        ? 'Admitted: no limit applies.'
        : `Admitted: every limit had room for its worst case. The tightest: ${where}${asked}.`;
    case 'limit_held':
      return `Refused: it did not fit while other requests were still running. ${where}${asked}.`;
    case 'limit_blocked':
      return `Refused: a limit that is almost used up admits no new work. ${where}${asked}.`;
    case 'limit_exceeded':
      return `Refused: its worst case exceeded the remaining amount. ${where}${asked}.`;
    case 'meter_disabled':
      return `Refused: the plan does not include ${binding?.meter ?? 'this'}.`;
    case 'stopped':
      return `Refused: an emergency stop was in force (${hold.stop ?? 'global'}).`;
  }
}

function askedOf(hold: HoldRecord, meter: string): bigint {
  return hold.asked[hold.meters.indexOf(meter)] ?? 0n;
}

function describeLimit({ meter, window, amount, used, held }: LimitReading): string {
  const limit = amount === null ? 'without a limit' : `of ${quantity(meter, amount)}`;
  const span = window === 'total' ? '' : ` a ${window}`;
  return `${meter} had ${quantity(meter, used)} used and ${quantity(meter, held)} held ${limit}${span}`;
}

function quantity(meter: string, amount: bigint): string {
  return meter === 'cost' ? `${formatUsd(amount)} USD` : amount.toString();
}
