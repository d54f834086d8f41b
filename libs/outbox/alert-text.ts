/** What an alert says: title, message and recommendation, made from its data whenever it is shown. */
import { percentageOf } from '#libs/contracts/limits.ts';
import type { ThresholdData } from '#libs/contracts/threshold-event.ts';
import { formatDecimal } from '#libs/money/money.ts';
import { describeMeter, formatAmount, formatInstantText, nameOfProvider } from './alert-words.ts';

export type AlertText = { title: string; message: string; recommendation: string | null };

type Data = Readonly<Record<string, unknown>>;

const PAUSES: Readonly<Record<string, string>> = {
  repeated_failures: 'several runs in a row did not complete',
  creator_removed: 'the user, API key or workspace that it runs for was removed',
  content_plan_deleted: 'its content plan was deleted',
};

const TEXTS: Readonly<Record<string, (data: Data) => AlertText>> = {
  'usage.threshold': (data) => thresholdText(data as ThresholdData),
  'usage.anomaly': anomalyText,
  'payment.failed': (data) => ({
    title: 'Payment failed',
    message: `A payment${amountIn(data)} was declined.`,
    recommendation: 'Check the payment method and pay the open invoice to keep your plan.',
  }),
  'payment.action_required': (data) => ({
    title: 'Payment needs your confirmation',
    message: `Your bank asks you to confirm a payment${amountIn(data)}.`,
    recommendation: 'Open the payment page and confirm it.',
  }),
  'payment.reminder': (data) => ({
    title: 'Payment is still open',
    message: `A payment${amountIn(data)} has not been made yet.`,
    recommendation: `Pay it before ${formatInstantText(textOf(data, 'access_ends_at'))} to keep your plan.`,
  }),
  'payment.requested': (data) => ({
    title: 'Payment requested',
    message: `A payment${amountIn(data)} is due.`,
    recommendation: null,
  }),
  'outcome.milestone_reached': (data) => ({
    title: `Milestone reached - ${data.milestone} %`,
    message: `Your goal “${goalIn(data)}” has reached ${data.achieved_percent} % of its target.`,
    recommendation: null,
  }),
  'outcome.settled': (data) => ({
    title: 'Outcome settled',
    message: `Your goal “${goalIn(data)}” ended at ${data.achieved_percent} % of its target.`,
    recommendation: data.amount_minor === 0 ? 'Nothing is due.' : `A payment${amountIn(data)} is due.`,
  }),
  'subscription.ended': (data) => ({
    title: 'Subscription ended',
    message: `Your subscription has ended. Your account is on the plan ${textOf(data, 'next_plan')} now.`,
    recommendation: 'Choose a plan to continue where you stopped.',
  }),
  'trial.ending': (data) => ({
    title: 'Your trial is ending',
    message: `Your trial of ${textOf(data, 'plan') ?? 'your plan'} ends on ${formatInstantText(textOf(data, 'ends_at'))}.`,
    recommendation: 'Add a payment method to keep the plan.',
  }),
  'autopilot.paused': (data) => ({
    title: 'Autopilot paused',
    message: `The autopilot “${textOf(data, 'name') ?? ''}” was paused: ${PAUSES[textOf(data, 'reason') ?? ''] ?? 'it cannot run'}.`,
    recommendation: 'Read what its last runs say, correct it, and resume the autopilot.',
  }),
  'webhook.disabled': (data) => ({
    title: 'Webhook endpoint disabled',
    message: `The endpoint ${textOf(data, 'url') ?? ''} has failed since ${formatInstantText(textOf(data, 'failing_since'))} and was disabled.`,
    recommendation: 'Repair the endpoint, enable it, and replay the deliveries that failed.',
  }),
  'provider.failing': (data) => ({
    title: `Provider failing - ${nameOfProvider(textOf(data, 'provider') ?? 'unknown')}`,
    message: `${data.errors} of ${data.calls} calls failed in the last ${data.minutes} minutes.`,
    recommendation: 'Check the status page of the provider. Stop the provider to refuse its calls at once.',
  }),
  'dispute.opened': (data) => ({
    title: 'Payment disputed',
    message: `A customer disputes a payment${amountIn(data)}.`,
    recommendation: 'Answer the dispute in the Stripe dashboard before its deadline.',
  }),
  'usage.overrun': (data) => ({
    title: 'A call cost more than its hold',
    message: `A call of ${textOf(data, 'provider')}/${textOf(data, 'model')} exceeded its upper bound.`,
    recommendation: 'Compare the request with its bound: its model or its units are described wrongly.',
  }),
  'system.error': (data) => ({
    title: `Background work failed - ${textOf(data, 'task') ?? 'unknown'}`,
    message: `${data.count} jobs have no attempts left. Last error: ${textOf(data, 'last_error') ?? 'none'}`,
    recommendation: 'List them with GET /api/admin/jobs, repair the cause, and retry them there.',
  }),
};

/** @param type of the event; an unknown one has its type as title. */
export function describeAlert(type: string, data: Data): AlertText {
  return TEXTS[type]?.(data) ?? { title: type, message: type, recommendation: null };
}

/** The share of its limit that an alert is about; null for other alerts. */
export function usedPercentageOf(type: string, data: Data): number | null {
  if (type !== 'usage.threshold') return null;
  const { used, limit } = data as ThresholdData;
  return percentageOf(BigInt(used), BigInt(limit));
}

const THRESHOLD_LEVELS = {
  warning: 'API Usage Notice',
  notice: 'API Usage Warning',
  blocked: 'API Usage Warning',
  exhausted: 'API Limit Reached',
} as const;

function thresholdText({ meter, state, used, limit, resets_at, source }: ThresholdData): AlertText {
  const { name, units } = describeMeter(meter);
  const amounts = `${formatAmount(meter, used)} of ${formatAmount(meter, limit)}`;
  return {
    title: `${THRESHOLD_LEVELS[state]} - ${name}`,
    message: units === null ? `You have used ${amounts}` : `You have used ${amounts} ${units}`,
    recommendation: thresholdAdvice(meter, state, resets_at, source),
  };
}

function thresholdAdvice(
  meter: string,
  state: ThresholdData['state'],
  resetsAt: string | null,
  source: string,
): string {
  const stops = state === 'exhausted' || (state === 'blocked' && isMetered(meter));
  const effect = stops ? 'New requests are refused' : 'Once the limit is reached, new requests are refused';
  const until = resetsAt === null ? '' : ` until ${formatInstantText(resetsAt)}`;
  if (source.startsWith('guard_rail')) return `${effect}${until}. This limit protects every plan.`;
  const saving = isMetered(meter) ? ' A smaller model or a lower output cap lasts longer.' : '';
  return `${effect}${until}.${saving}`;
}

/** Meters whose block threshold, below the limit, stops new work. */
const isMetered = (meter: string) => meter === 'cost' || meter.startsWith('tokens.');

function anomalyText(data: Data): AlertText {
  const cost = formatAmount('cost', textOf(data, 'cost_nano_usd') ?? '0');
  const usual = formatAmount('cost', textOf(data, 'median_nano_usd') ?? '0');
  return {
    title: 'Unusual cost',
    message: `The hour from ${formatInstantText(textOf(data, 'hour'))} cost ${cost}, where ${usual} is usual.`,
    recommendation:
      'Compare the calls of that hour by key and model. Revoke a key that you do not recognise.',
  };
}

function textOf(data: Data, name: string): string | undefined {
  const value = data[name];
  return typeof value === 'string' ? value : undefined;
}

/** `lead generation`. */
function goalIn(data: Data): string {
  return (textOf(data, 'goal') ?? '').replaceAll('_', ' ');
}

/** ` of 79.00 USD`, if the data has an amount. */
function amountIn(data: Data): string {
  const { amount_minor: minor, currency } = data;
  return typeof minor === 'number' && typeof currency === 'string'
    ? ` of ${formatDecimal(BigInt(minor), 2)} ${currency}`
    : '';
}
