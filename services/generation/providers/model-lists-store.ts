import { sql } from 'drizzle-orm';
import type { Database } from '#libs/db/database.ts';
import { vendorModels } from '#libs/db/schema/generation.ts';

/** Records the models that a provider lists now. */
export async function recordModelList(
  database: Database,
  provider: string,
  names: readonly string[],
  now: Date,
): Promise<void> {
  if (names.length === 0) return;
  await database
    .insert(vendorModels)
    .values(names.map((model) => ({ provider, model, firstSeenAt: now, seenAt: now })))
    .onConflictDoUpdate({
      target: [vendorModels.provider, vendorModels.model],
      set: { seenAt: sql`excluded.seen_at` },
    });
}
