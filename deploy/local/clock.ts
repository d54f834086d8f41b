/** The movable clock of `npm start`: where it is kept, and what moves with it. */
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import type { Environment } from '#libs/config/env.ts';
import { type ClockPosition, readPosition, writeMove } from '#libs/service/system-clock.ts';

/** Every process has moved this long after the instant of the move. */
const SETTLE_MS = 250;
const SIMULATOR_TIMEOUT_MS = 60_000;

/**
 * The file of the clock; undefined where the clock cannot be moved: with a real Stripe account, or a database that may
 * serve other installations.
 */
export function clockFileOf(
  { STRIPE_SECRET_KEY, DATABASE_URL }: Environment,
  folder: string,
): string | undefined {
  return STRIPE_SECRET_KEY || DATABASE_URL ? undefined : path.join(folder, 'clock.json');
}

export function timeOf(file: string): Date {
  return new Date(Date.now() + aheadOf(readPosition(file)));
}

function aheadOf({ aheadMs, previousAheadMs, movesAtMs }: ClockPosition): number {
  return Date.now() < movesAtMs ? previousAheadMs : aheadMs;
}

/** Moves the clock, the jobs that wait for a time, and Stripe's simulator. Resolves when all have moved. */
export async function advanceClock(
  byMs: number,
  { file, pool, stripeUrl }: { file: string; pool: Pool; stripeUrl: string },
): Promise<Date> {
  const { movesAtMs } = writeMove(file, byMs);
  await delay(movesAtMs + SETTLE_MS - Date.now());
  // The queue compares with the database's clock, which stays.
  await pool.query(
    `UPDATE graphile_worker._private_jobs SET run_at = greatest(now(), run_at - $1 * interval '1 ms')
      WHERE run_at > now() AND locked_at IS NULL`,
    [byMs],
  );
  await pool.query(`SELECT pg_notify('jobs:insert', '{"count":1}')`);
  await letStripeCatchUp(stripeUrl);
  return timeOf(file);
}

/** What Stripe would have done in that time is done, and its events are delivered. */
async function letStripeCatchUp(url: string): Promise<void> {
  const signal = AbortSignal.timeout(SIMULATOR_TIMEOUT_MS);
  const body = new URLSearchParams({ seconds: '0' });
  try {
    const response = await fetch(`${url}/_simulator/advance`, { method: 'POST', body, signal });
    await response.body?.cancel();
  } catch (error) {
    // It is not running, as with PAYMENTS=manual or while `npm start` is stopped: it catches up at its start.
    if (signal.aborted) throw error;
  }
}
