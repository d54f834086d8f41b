/** The preview of a publication: its effect on every account, without any change. */
import { describeDifference } from '#libs/catalogue/diff.ts';
import type { Amount, Window } from '#libs/catalogue/limit.ts';
import { planDifference } from '#libs/catalogue/plan-difference.ts';
import { findPlan } from '#libs/catalogue/plans.ts';
import type { AccountMoveWire, PublishPreview } from '#libs/contracts/catalogues.ts';
import { meterLabel } from '#libs/contracts/labels.ts';
import { amountToWire, meterUnit } from '#libs/contracts/limits.ts';
import type { Database } from '#libs/db/database.ts';
import { readUsed } from '#libs/ledger/read-used.ts';
import type { AccountState, CatalogueVersion } from '../subscriptions/domain/subscription.ts';
import { type AccountMove, createMoveEvaluator } from './domain/move-effect.ts';
import type { Migration } from './domain/rollout.ts';
import { readNextStates } from './preview-store.ts';
import type { CatalogueVersions } from './versions-store.ts';

export type PreviewQuery = {
  target: CatalogueVersion;
  migration: Migration;
  page: { limit: number; cursor: string | undefined };
  now: Date;
};

type PlanMoves = NonNullable<PublishPreview['summary']>['plans'][number];
type OverLimit = AccountMoveWire['over_limits'][number];
type Notice = { move: AccountMove; over: OverLimit[] };

const BATCH_SIZE = 500;

/** The first page has totals over all accounts. A later page reads only the accounts it needs. */
export async function previewPublication(
  database: Database,
  versions: CatalogueVersions,
  query: PreviewQuery,
): Promise<PublishPreview> {
  const { target, migration, page, now } = query;
  const summary = page.cursor === undefined ? emptySummary() : null;
  const plans = new Map<string, PlanMoves>();
  const shown: Notice[] = [];
  const evaluate = createMoveEvaluator(target, now);
  const versionOf = (id: string) => versions.version(database, id);
  let after = page.cursor ?? null;
  // A grandfathered account keeps its version, so nothing changes for it.
  let isOver = migration === 'grandfather';
  while (!isOver) {
    const states = await readNextStates(database, versionOf, { target, after, limit: BATCH_SIZE, now });
    after = states.at(-1)?.subscription.accountId ?? null;
    const moves = states.map(evaluate);
    const overLimits = await findOverLimits(database, moves, migration, now);
    for (const [index, move] of moves.entries()) {
      const over = overLimits.get(move.accountId) ?? [];
      const isNoticed = move.gains.length + move.losses.length + over.length > 0;
      if (isNoticed && shown.length <= page.limit) shown.push({ move, over });
      if (summary !== null) {
        count(summary, move, over, isNoticed);
        countPlan(plans, states[index] as AccountState, move, target);
      }
    }
    isOver = states.length < BATCH_SIZE || (summary === null && shown.length > page.limit);
  }
  const accounts = shown.slice(0, page.limit).map(presentMove);
  return {
    version_id: target.id,
    migration,
    summary: summary && { ...summary, plans: [...plans.values()] },
    data: accounts,
    next_cursor: shown.length > page.limit ? (accounts.at(-1)?.account_id ?? null) : null,
  };
}

function emptySummary() {
  return { accounts: 0, unchanged: 0, gaining: 0, losing: 0, over_limit: 0 };
}

function count(
  summary: ReturnType<typeof emptySummary>,
  { gains, losses }: AccountMove,
  over: readonly OverLimit[],
  isNoticed: boolean,
): void {
  summary.accounts += 1;
  if (!isNoticed) summary.unchanged += 1;
  if (gains.length > 0) summary.gaining += 1;
  if (losses.length > 0) summary.losing += 1;
  if (over.length > 0) summary.over_limit += 1;
}

function countPlan(
  plans: Map<string, PlanMoves>,
  { subscription: { planKey }, sold }: AccountState,
  { mapping }: AccountMove,
  target: CatalogueVersion,
): void {
  const key = `${sold.id} ${planKey}`;
  const known = plans.get(key);
  if (known !== undefined) {
    known.accounts += 1;
    return;
  }
  const old = findPlan(sold.catalogue, planKey);
  const difference =
    old &&
    planDifference(
      { catalogue: sold.catalogue, plan: old },
      { catalogue: target.catalogue, plan: mapping.plan },
    );
  plans.set(key, {
    from: { catalogue_id: sold.catalogueId, version: sold.version, plan: planKey },
    to: { plan: mapping.plan.key, name: mapping.plan.name },
    mapped_by: mapping.by,
    accounts: 1,
    changes: difference === undefined ? [] : describeDifference(difference),
  });
}

/** Reads the usage of limits that would be lower than they are. */
async function findOverLimits(
  database: Database,
  moves: readonly AccountMove[],
  migration: Migration,
  now: Date,
): Promise<Map<string, OverLimit[]>> {
  const queries = moves.flatMap(({ accountId, lowered }) =>
    lowered.flatMap(({ meter, window, after }) =>
      after !== null && isStillCounted(window, migration) ? [{ accountId, meter, window, after }] : [],
    ),
  );
  const used = await readUsed(database, now, queries);
  const over = new Map<string, OverLimit[]>();
  for (const [index, { accountId, meter, window, after }] of queries.entries()) {
    const amount = used[index] ?? 0n;
    if (amount <= allowed(after)) continue;
    const entry = {
      ...{ meter, label: meterLabel(meter), unit: meterUnit(meter), window },
      used: amount.toString(),
      amount: amountToWire(meter, after),
    };
    over.set(accountId, [...(over.get(accountId) ?? []), entry]);
  }
  return over;
}

/** At the end of the period, only a window that never resets is certain to keep its usage. */
function isStillCounted(window: Window, migration: Migration): boolean {
  return migration === 'now' || window === 'total';
}

function allowed(amount: Amount): bigint {
  return amount.kind === 'n' ? amount.n : 0n;
}

function presentMove({ move, over }: Notice): AccountMoveWire {
  return {
    account_id: move.accountId,
    plan_before: move.planBefore,
    plan_after: move.planAfter,
    mapped_by: move.mapping.by,
    gains: [...move.gains],
    losses: [...move.losses],
    over_limits: over,
  };
}
