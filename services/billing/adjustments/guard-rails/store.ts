import { drizzle } from 'drizzle-orm/node-postgres';
import type { Pool, PoolClient } from 'pg';
import type { AuditEntry, AuditState } from '#libs/audit/entry.ts';
import { recordAudit } from '#libs/audit/record-audit.ts';
import { transaction } from '#libs/db/transaction.ts';
import type { Rollout } from '../../catalogues/domain/rollout.ts';
import { startRollout } from '../../catalogues/rollout-store.ts';
import { lockCommonTerms } from '../store.ts';
import { type GuardRailRecord, type GuardRailTarget, targetId, targetName, targetOf } from './domain.ts';

type GuardRailRow = {
  target_kind: GuardRailTarget['kind'];
  target: string;
  enabled: boolean;
  figures: GuardRailRecord['figures'];
  reason: string;
  author: string;
  updated_at: Date;
};

/** A setting to put in force, or a target whose setting is withdrawn. */
export type GuardRailChange =
  | { set: GuardRailRecord; audit: GuardRailAudit }
  | { withdraw: GuardRailTarget; audit: GuardRailAudit };

/** What goes on record beside what the store knows. */
export type GuardRailAudit = Pick<AuditEntry, 'id' | 'at' | 'by' | 'reason'>;

const COLUMNS = 'target_kind, target, enabled, figures, reason, author, updated_at';

export async function listGuardRails(pool: Pick<Pool, 'query'>): Promise<GuardRailRecord[]> {
  const { rows } = await pool.query<GuardRailRow>(
    `SELECT ${COLUMNS} FROM guard_rail_settings
      ORDER BY array_position(ARRAY['global', 'plan', 'account'], target_kind), target`,
  );
  return rows.map(toRecord);
}

export async function hasGuardRail(pool: Pick<Pool, 'query'>, target: GuardRailTarget): Promise<boolean> {
  return (await find(pool, target)) !== undefined;
}

/** Changes a setting of one account; for `inTransaction`, so that its limits are in force when it commits. */
export async function applyGuardRail(client: PoolClient, change: GuardRailChange): Promise<void> {
  const target = 'set' in change ? change.set.target : change.withdraw;
  const before = await find(client, target);
  const after = 'set' in change ? change.set : undefined;
  if (after === undefined) {
    await client.query('DELETE FROM guard_rail_settings WHERE target_kind = $1 AND target = $2', [
      target.kind,
      targetId(target),
    ]);
  } else {
    const { enabled, figures, reason, author, updatedAt } = after;
    await client.query(
      `INSERT INTO guard_rail_settings (${COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7)
       ON CONFLICT (target_kind, target) DO UPDATE SET
         enabled = excluded.enabled, figures = excluded.figures, reason = excluded.reason,
         author = excluded.author, updated_at = excluded.updated_at`,
      [target.kind, targetId(target), enabled, figures, reason, author, updatedAt],
    );
  }
  await recordAudit(drizzle(client), {
    ...change.audit,
    action: after === undefined ? 'guard_rail.withdrawn' : 'guard_rail.set',
    subject: `guard_rail:${targetName(target)}`,
    accountId: target.kind === 'account' ? target.accountId : null,
    before: stateOf(before),
    after: stateOf(after),
  });
}

/** Changes a setting of a plan or of everybody, and begins the pass that brings the accounts in line. */
export function changeCommonGuardRail(
  pool: Pool,
  change: GuardRailChange,
  rolloutId: string,
): Promise<Rollout> {
  const { at, by } = change.audit;
  const target = 'set' in change ? change.set.target : change.withdraw;
  return transaction(pool, async (client) => {
    await lockCommonTerms(client);
    await applyGuardRail(client, change);
    return startRollout(drizzle(client), {
      id: rolloutId,
      kind: 'guard_rail',
      subject: targetName(target),
      migration: null,
      author: by.actor,
      createdAt: at,
    });
  });
}

async function find(
  database: Pick<Pool, 'query'>,
  target: GuardRailTarget,
): Promise<GuardRailRecord | undefined> {
  const { rows } = await database.query<GuardRailRow>(
    `SELECT ${COLUMNS} FROM guard_rail_settings WHERE target_kind = $1 AND target = $2`,
    [target.kind, targetId(target)],
  );
  return rows[0] && toRecord(rows[0]);
}

function toRecord(row: GuardRailRow): GuardRailRecord {
  return {
    target: targetOf(row.target_kind, row.target),
    enabled: row.enabled,
    figures: row.figures,
    reason: row.reason,
    author: row.author,
    updatedAt: row.updated_at,
  };
}

function stateOf(record: GuardRailRecord | undefined): AuditState {
  return record === undefined ? null : { enabled: record.enabled, ...record.figures };
}
