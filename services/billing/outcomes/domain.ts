/** What an agreement's figures come to. Figures are exact decimals. */
import type { OutcomeAgreementWire, OutcomeTerms, OutcomeWire } from '#libs/contracts/outcomes.ts';
import type { outcomeAgreements, outcomeMeasurements, outcomeMilestones } from '#libs/db/schema/billing.ts';
import { floorDiv, parseDecimal, shareOf } from '#libs/money/money.ts';

export type Agreement = typeof outcomeAgreements.$inferSelect;
export type Measurement = typeof outcomeMeasurements.$inferSelect;
export type Milestone = typeof outcomeMilestones.$inferSelect;

/** An agreement with what its view needs. */
export type AgreementDetails = {
  agreement: Agreement;
  milestones: readonly Milestone[];
  latest: Measurement | undefined;
};

export const MILESTONES = [25, 50, 75, 100] as const;

const DECIMALS = 9;
const MAX_PERCENT = 1000;
const BPS_PER_PERCENT = 100;

/**
 * Whole percent of the way from the baseline to the target, rounded down, from 0 to 1000. A milestone is reached exactly
 * where this is at least the milestone.
 */
export function progressPercent(
  value: string,
  { baseline, target }: Pick<Agreement, 'baseline' | 'target'>,
): number {
  const [at, from, to] = [value, baseline, target].map((text) => parseDecimal(text, DECIMALS)) as [
    bigint,
    bigint,
    bigint,
  ];
  const sign = to < from ? -1n : 1n;
  const percent = floorDiv(100n * sign * (at - from), sign * (to - from));
  return Number(percent < 0n ? 0n : percent > MAX_PERCENT ? BigInt(MAX_PERCENT) : percent);
}

export function milestonesReached(percent: number): number[] {
  return MILESTONES.filter((milestone) => percent >= milestone);
}

/** The share of the fee for the highest milestone that is reached, rounded to the nearest cent, halves up. */
export function payableMinor(feeMinor: number, percent: number): number {
  const reached = milestonesReached(percent).at(-1) ?? 0;
  return Number(shareOf(BigInt(feeMinor), reached * BPS_PER_PERCENT, 'half_up'));
}

/** Why an agreement cannot have these terms; undefined where it can. */
export function termsRefusal({ baseline, target, starts_at, ends_at }: OutcomeTerms): string | undefined {
  if (parseDecimal(baseline, DECIMALS) === parseDecimal(target, DECIMALS))
    return 'The target must differ from the baseline.';
  return new Date(starts_at) < new Date(ends_at) ? undefined : 'The period must end after it starts.';
}

/** Why a figure cannot be of this time; undefined where it can. */
export function measurementRefusal(
  { startsAt, endsAt }: Pick<Agreement, 'startsAt' | 'endsAt'>,
  measuredAt: Date,
  now: Date,
): string | undefined {
  if (measuredAt > now) return 'A measurement cannot be of the future.';
  if (measuredAt >= startsAt && measuredAt <= endsAt) return undefined;
  return `The period of the agreement is ${startsAt.toISOString()} to ${endsAt.toISOString()}.`;
}

/** The agreement once its latest measurement has decided. */
export function settled(agreement: Agreement, latest: Measurement | undefined, now: Date): Agreement {
  const achievedPercent = latest === undefined ? 0 : progressPercent(latest.value, agreement);
  const amountMinor = payableMinor(agreement.feeMinor, achievedPercent);
  const status = amountMinor === 0 ? 'settled_free' : 'due';
  return { ...agreement, achievedPercent, amountMinor, status, updatedAt: now };
}

export function presentOutcome({ agreement, milestones, latest }: AgreementDetails): OutcomeWire {
  const { feeMinor, status, achievedPercent, amountMinor } = agreement;
  const payableNow = status === 'open' ? payableMinor(feeMinor, achievedPercent) : 0;
  return {
    id: agreement.id,
    goal: agreement.goal,
    baseline: agreement.baseline,
    target: agreement.target,
    fee_minor: feeMinor,
    currency: 'USD',
    starts_at: agreement.startsAt.toISOString(),
    ends_at: agreement.endsAt.toISOString(),
    status,
    achieved_percent: achievedPercent,
    payable_minor: amountMinor ?? payableNow,
    amount_minor: amountMinor,
    milestones: MILESTONES.map((percent) => {
      const reached = milestones.find((milestone) => milestone.percent === percent);
      return {
        percent,
        payable_minor: payableMinor(feeMinor, percent),
        reached_at: reached?.reachedAt.toISOString() ?? null,
      };
    }),
    latest_measurement:
      latest === undefined
        ? null
        : { value: latest.value, measured_at: latest.measuredAt.toISOString(), source: latest.source },
    invoice_id: agreement.invoiceId,
    created_at: agreement.createdAt.toISOString(),
    updated_at: agreement.updatedAt.toISOString(),
  };
}

/** As staff see it. */
export function presentAgreement(details: AgreementDetails): OutcomeAgreementWire {
  const { accountId: account_id, createdBy: created_by } = details.agreement;
  return { ...presentOutcome(details), account_id, created_by };
}
