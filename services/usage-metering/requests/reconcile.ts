/** Compares a provider's usage export with what was recorded, and corrects the calls whose outcome it reveals. */
import { hash } from 'node:crypto';
import type { Actor } from '#libs/contracts/audit-entry.ts';
import type { Database } from '#libs/db/database.ts';
import type { Ledger } from '#libs/ledger/ledger.ts';
import { findModel } from '#libs/pricing/model.ts';
import { problem } from '#libs/problems/problems.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { type ExportedUsage, type ExportProvider, readExport } from './domain/provider-export.ts';
import { compareUsage, type DayComparison } from './domain/reconciliation.ts';
import { correctionOf, parseCallId } from './domain/resolution.ts';
import { listRecordedUsage } from './reconcile-store.ts';
import { findCall, listModels, resolveCall } from './unresolved-store.ts';

const MAX_DAYS = 92;
const DAY_MS = 86_400_000;

export type ReconcileOptions = {
  database: Database;
  ledger: Pick<Ledger, 'correct'>;
  runtime: Pick<Runtime, 'clock' | 'newId'>;
};

export type Reconciliation = { days: DayComparison[]; unknownModels: string[]; corrected: string[] };

/** @throws ProblemError `semantic_error` for a text that is no export, or covers too many days. */
export async function reconcile(
  { database, ledger, runtime }: ReconcileOptions,
  { provider, source, apply, by }: { provider: ExportProvider; source: string; apply: boolean; by: Actor },
): Promise<Reconciliation> {
  const exported = readExport(provider, source);
  const { known, unknownModels } = await withOurNames(database, provider, exported);
  const recorded =
    exported.length === 0 ? [] : await listRecordedUsage(database, provider, rangeOf(exported));
  const days = compareUsage(known, recorded);
  const corrected: string[] = [];
  if (apply) {
    const reason = `Usage export of ${provider}, SHA-256 ${hash('sha256', source).slice(0, 16)}.`;
    for (const { id, usage } of days.flatMap(({ resolutions }) => resolutions)) {
      const found = await findCall(database, parseCallId(id));
      if (found === undefined) continue;
      const request = correctionOf(found.call, found.detail, { usage });
      const change = { request, reason, by, at: runtime.clock.now(), newId: runtime.newId };
      if ((await resolveCall(database, ledger, found.call, change)) === 'corrected') corrected.push(id);
    }
  }
  return { days, unknownModels, corrected };
}

async function withOurNames(database: Database, provider: string, exported: readonly ExportedUsage[]) {
  const models = await listModels(database, provider);
  const known: ExportedUsage[] = [];
  const unknown = new Set<string>();
  for (const usage of exported) {
    const { model: name } = usage;
    const model = findModel(models, name) ?? models.find(({ upstreamModel }) => upstreamModel === name);
    if (model === undefined) unknown.add(name);
    else known.push({ ...usage, model: model.model });
  }
  return { known, unknownModels: [...unknown].sort() };
}

function rangeOf(exported: readonly ExportedUsage[]): { first: string; last: string } {
  const days = exported.map(({ day }) => day).sort();
  const first = days[0] as string;
  const last = days.at(-1) as string;
  if ((Date.parse(last) - Date.parse(first)) / DAY_MS >= MAX_DAYS)
    throw problem('semantic_error', {
      detail: `The export covers more than ${MAX_DAYS} days.`,
      fields: { param: 'source' },
    });
  return { first, last };
}
