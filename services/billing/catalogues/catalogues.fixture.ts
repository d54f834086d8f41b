import type { Pool } from 'pg';
import { CLI_ACTOR } from '#libs/contracts/audit-entry.ts';
import { createDatabase, transaction } from '#libs/db/database.ts';
import { createLogger } from '#libs/service/logger.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { moveToCatalogue, recomputeLimits } from '../subscriptions/plugin.ts';
import { importCatalogue, readCatalogueFile } from './import-catalogue.ts';
import { publishCatalogue } from './publish-catalogue.ts';
import { listRunningRollouts } from './rollout-store.ts';
import { type RolloutDependencies, runRollout } from './run-rollout.ts';
import { createCatalogueVersions } from './versions-store.ts';

export type ImportedCatalogue = {
  id: string;
  catalogueId: string;
  version: number;
  outcome: 'created' | 'reactivated' | 'unchanged';
};

/** Imports a catalogue and makes it the active one; existing subscriptions keep their versions. */
export async function importAndActivate(
  pool: Pool,
  runtime: Runtime,
  text: string,
): Promise<ImportedCatalogue> {
  const file = readCatalogueFile(text);
  return transaction(createDatabase(pool), async (tx) => {
    const { row, created } = await importCatalogue(tx, runtime, file, CLI_ACTOR);
    const { id, catalogueId, version, active } = row;
    if (active) return { id, catalogueId, version, outcome: 'unchanged' };
    await publishCatalogue(tx, runtime, {
      versionId: id,
      migration: 'grandfather',
      by: CLI_ACTOR,
      reason: null,
    });
    return { id, catalogueId, version, outcome: created ? 'created' : 'reactivated' };
  });
}

/** Runs every rollout to its end, as the service does in the background. */
export async function runAllRollouts({
  pool,
  runtime,
  onFailure,
}: {
  pool: Pool;
  runtime: Pick<Runtime, 'clock' | 'newId'>;
  /** Called for every account that fails. */
  onFailure: (line: Record<string, unknown>) => void;
}): Promise<void> {
  const database = createDatabase(pool);
  const deps = { database, catalogues: createCatalogueVersions(), runtime };
  const dependencies: RolloutDependencies = {
    database,
    clock: runtime.clock,
    recomputeLimits: (accountId) => recomputeLimits(deps, accountId),
    moveToCatalogue: (accountId, move) => moveToCatalogue(deps, accountId, move),
  };
  const logger = createLogger({
    name: 'test',
    level: 'error',
    destination: { write: (line) => onFailure(JSON.parse(line)) },
  });
  for (const { id } of await listRunningRollouts(database))
    await runRollout(dependencies, id, { signal: new AbortController().signal, logger });
}
