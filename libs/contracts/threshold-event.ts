import { type LimitReading, type ReachedLimitWire, reachedLimitToWire } from './limits.ts';

/** The data of a threshold event, as `alert_on_thresholds` writes it. Amounts are integers in the meter's unit. */
export type ThresholdData = {
  meter: string;
  window: string;
  scope: string;
  scope_id: string | null;
  threshold_percentage: number;
  state: 'warning' | 'notice' | 'blocked' | 'exhausted';
  used: string;
  limit: string;
  source: string;
  request_id: string | null;
  window_start: string | null;
  resets_at: string | null;
};

type Data = Readonly<Record<string, unknown>>;

/** The data of an event as clients receive it. That of thresholds is stored in another form, {@link ThresholdData}. */
export function eventDataOf(type: string, payload: Data): Data {
  return type === 'usage.threshold' ? thresholdData(payload as ThresholdData) : payload;
}

function thresholdData(stored: ThresholdData): Data {
  return {
    threshold_percentage: stored.threshold_percentage,
    limit: reachedLimitOf(stored),
    request_id: stored.request_id,
  };
}

function reachedLimitOf({
  scope_id: scopeId,
  limit,
  used,
  window_start: start,
  resets_at: end,
  ...data
}: ThresholdData): ReachedLimitWire {
  return reachedLimitToWire({
    meter: data.meter,
    window: data.window as LimitReading['window'],
    scope: data.scope as LimitReading['scope'],
    scopeId: scopeId ?? '',
    kind: 'n',
    amount: BigInt(limit),
    used: BigInt(used),
    state: data.state,
    windowStart: start === null ? null : new Date(start),
    resetsAt: end === null ? null : new Date(end),
    source: data.source,
  });
}
