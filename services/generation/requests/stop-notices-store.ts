import { inArray } from 'drizzle-orm';
import type { Queryable } from '#libs/db/database.ts';
import { stopNotices } from '#libs/db/schema/metering.ts';
import type { StopNotice } from '#libs/service/refusal.ts';

/** What callers may read about stops, by the id of the stop. */
export async function readStopNotices(
  db: Queryable,
  ids: readonly string[],
): Promise<ReadonlyMap<string, StopNotice>> {
  if (ids.length === 0) return new Map();
  const notices = await db.select().from(stopNotices).where(inArray(stopNotices.stopId, ids));
  return new Map(notices.map(({ stopId, ...notice }) => [stopId, notice]));
}
