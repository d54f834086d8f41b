/** Which plans lift the limit of a threshold alert. */

import type { AlertWire } from '#libs/contracts/alerts.ts';
import type { ThresholdData } from '#libs/contracts/threshold-event.ts';
import type { LimitView } from '#libs/ledger/types.ts';
import type { AccountEntitlements } from './account-entitlements.ts';

export type UpgradeSource = Pick<AccountEntitlements, 'get' | 'suggestPlans'>;

/** @returns null for other alerts, if no plan lifts the limit, and while billing does not answer. */
export async function upgradeFor(
  { get, suggestPlans }: UpgradeSource,
  { accountId, type, data }: { accountId: string | null; type: string; data: object },
): Promise<AlertWire['upgrade']> {
  if (accountId === null || type !== 'usage.threshold') return null;
  try {
    const suggestions = await suggestPlans(await get(accountId), limitOf(data as ThresholdData));
    if (suggestions === undefined || suggestions.suggested_plans.length === 0) return null;
    return { urgency: suggestions.urgency, suggested_plans: [...suggestions.suggested_plans] };
  } catch {
    return null;
  }
}

function limitOf(data: ThresholdData): LimitView {
  const { meter, window, scope, used, limit, source } = data;
  return {
    meter,
    window: window as LimitView['window'],
    scope: scope as LimitView['scope'],
    scopeId: data.scope_id ?? '',
    kind: 'n',
    amount: BigInt(limit),
    used: BigInt(used),
    held: 0n,
    asked: 0n,
    resetsAt: data.resets_at === null ? null : new Date(data.resets_at),
    source,
  };
}
