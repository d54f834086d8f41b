import { and, asc, count, desc, eq, gt, inArray, isNull, notLike, or, type SQL, sql } from 'drizzle-orm';
import { ACCOUNT_ALERT_KINDS, ALERT_KINDS } from '#libs/contracts/alert-kinds.ts';
import type { Caller } from '#libs/contracts/internal-context.ts';
import { afterCursor } from '#libs/db/after-cursor.ts';
import { only, type Queryable } from '#libs/db/database.ts';
import { memberships } from '#libs/db/schema/gateway.ts';
import { alertReads, alertSettings } from '#libs/db/schema/notifications.ts';
import { alerts, outboxEvents } from '#libs/db/schema/outbox.ts';
import type { EventRow } from '#libs/outbox/deliveries.ts';
import { findVisibleUser, type Membership } from '../usage/store.ts';
import { MEMBER_KINDS, type Member, managesAccount } from './domain/audience.ts';
import { type AlertSettings, DEFAULT_SETTINGS, withEveryKind } from './domain/preferences.ts';

export type AlertRow = typeof alerts.$inferSelect;
export type AlertView = AlertRow & { readAt: Date | null };

const OPERATOR_KINDS = ALERT_KINDS.filter(
  (kind) => !(ACCOUNT_ALERT_KINDS as readonly string[]).includes(kind),
);

/** What a user may see of an account's alerts. */
function visibleTo(accountId: string, user: Member): SQL | undefined {
  return and(
    eq(alerts.accountId, accountId),
    inArray(alerts.kind, managesAccount(user) ? [...ACCOUNT_ALERT_KINDS] : [...MEMBER_KINDS]),
    managesAccount(user) ? undefined : or(isNull(alerts.userId), eq(alerts.userId, user.userId)),
  );
}

/** With the read mark of one reader: a user, or an API key. */
function selectAlerts(db: Queryable, readerId: string) {
  return db
    .select({
      id: alerts.id,
      accountId: alerts.accountId,
      userId: alerts.userId,
      kind: alerts.kind,
      type: alerts.type,
      severity: alerts.severity,
      data: alerts.data,
      createdAt: alerts.createdAt,
      readAt: alertReads.readAt,
    })
    .from(alerts)
    .leftJoin(alertReads, and(eq(alertReads.alertId, alerts.id), eq(alertReads.userId, readerId)));
}

export async function listAlerts(
  db: Queryable,
  query: { accountId: string; user: Member; unreadOnly: boolean; limit: number },
): Promise<AlertView[]> {
  return selectAlerts(db, query.user.userId)
    .where(
      and(visibleTo(query.accountId, query.user), query.unreadOnly ? isNull(alertReads.readAt) : undefined),
    )
    .orderBy(desc(alerts.id))
    .limit(query.limit);
}

/** Alerts with ids above `after`, the oldest first. */
export async function listAlertsAfter(
  db: Queryable,
  query: { accountId: string; user: Member; after: string; limit: number },
): Promise<AlertView[]> {
  return selectAlerts(db, query.user.userId)
    .where(and(visibleTo(query.accountId, query.user), gt(alerts.id, query.after)))
    .orderBy(asc(alerts.id))
    .limit(query.limit);
}

export async function countAlerts(
  db: Queryable,
  accountId: string,
  user: Member,
): Promise<{ total: number; unread: number }> {
  const rows = await db
    .select({ total: count(), unread: sql<bigint>`count(*) FILTER (WHERE ${alertReads.readAt} IS NULL)` })
    .from(alerts)
    .leftJoin(alertReads, and(eq(alertReads.alertId, alerts.id), eq(alertReads.userId, user.userId)))
    .where(visibleTo(accountId, user));
  const { total, unread } = only(rows);
  return { total: Number(total), unread: Number(unread) };
}

export async function listOperatorAlerts(
  db: Queryable,
  readerId: string,
  { limit, cursor }: { limit: number; cursor: string | undefined },
): Promise<AlertView[]> {
  return selectAlerts(db, readerId)
    .where(
      and(or(inArray(alerts.kind, OPERATOR_KINDS), isNull(alerts.accountId)), afterCursor(alerts.id, cursor)),
    )
    .orderBy(desc(alerts.id))
    .limit(limit);
}

/** @returns the alert as the reader sees it now; undefined if the reader may not see it. */
export async function markRead(
  db: Queryable,
  { alertId, accountId, user, at }: { alertId: string; accountId: string; user: Member; at: Date },
): Promise<AlertView | undefined> {
  const [alert] = await selectAlerts(db, user.userId).where(
    and(eq(alerts.id, alertId), visibleTo(accountId, user)),
  );
  if (alert === undefined || alert.readAt !== null) return alert;
  await db.insert(alertReads).values({ alertId, userId: user.userId, readAt: at }).onConflictDoNothing();
  return { ...alert, readAt: at };
}

/** Events with their alerts, if they have one. */
export function listEvents(
  db: Queryable,
  ids: readonly string[],
): Promise<{ event: EventRow; alert: AlertRow | null }[]> {
  return db
    .select({ event: outboxEvents, alert: alerts })
    .from(outboxEvents)
    .leftJoin(alerts, eq(alerts.id, outboxEvents.id))
    .where(inArray(outboxEvents.id, [...ids]))
    .orderBy(outboxEvents.id);
}

export async function findAlert(db: Queryable, id: string): Promise<AlertRow | undefined> {
  const [alert] = await db.select().from(alerts).where(eq(alerts.id, id));
  return alert;
}

export type MemberSettings = Member & { accountId: string; settings: AlertSettings };

/** The members of accounts, with how each is notified. */
export async function listMembers(db: Queryable, accountIds: readonly string[]): Promise<MemberSettings[]> {
  if (accountIds.length === 0) return [];
  const { accountId, userId, role } = memberships;
  const rows = await db
    .select({ accountId, userId, role, settings: alertSettings })
    .from(memberships)
    .leftJoin(alertSettings, and(eq(alertSettings.accountId, accountId), eq(alertSettings.userId, userId)))
    .where(inArray(accountId, [...accountIds]));
  return rows.map(({ settings, ...member }) => ({ ...member, settings: settings ?? DEFAULT_SETTINGS }));
}

export async function findSettings(db: Queryable, accountId: string, userId: string): Promise<AlertSettings> {
  const [row] = await db
    .select()
    .from(alertSettings)
    .where(and(eq(alertSettings.accountId, accountId), eq(alertSettings.userId, userId)));
  return row ? { ...row, channels: withEveryKind(row.channels) } : DEFAULT_SETTINGS;
}

export type SettingsKey = { accountId: string; userId: string };

/** Slack addresses that do not begin like those encrypted with the key in use. */
export async function listSlackSealedOtherwise(
  db: Queryable,
  prefix: string,
): Promise<(SettingsKey & { slackUrl: string })[]> {
  const { accountId, userId, slackUrl } = alertSettings;
  const rows = await db
    .select({ accountId, userId, slackUrl })
    .from(alertSettings)
    .where(notLike(slackUrl, `${prefix}%`));
  return rows.flatMap((row) => (row.slackUrl === null ? [] : [{ ...row, slackUrl: row.slackUrl }]));
}

/** Unless the address was changed meanwhile. */
export async function replaceSlackUrl(
  db: Queryable,
  { accountId, userId }: SettingsKey,
  before: string,
  after: string,
): Promise<void> {
  await db
    .update(alertSettings)
    .set({ slackUrl: after })
    .where(
      and(
        eq(alertSettings.accountId, accountId),
        eq(alertSettings.userId, userId),
        eq(alertSettings.slackUrl, before),
      ),
    );
}

/** @param settings without `slackUrl` the stored address stays. */
export async function saveSettings(
  db: Queryable,
  key: SettingsKey,
  settings: Pick<AlertSettings, 'channels' | 'quietHours'> & { slackUrl?: string | null },
  updatedAt: Date,
): Promise<AlertSettings> {
  const rows = await db
    .insert(alertSettings)
    .values({ ...key, ...settings, updatedAt })
    .onConflictDoUpdate({
      target: [alertSettings.accountId, alertSettings.userId],
      set: { ...settings, updatedAt },
    })
    .returning();
  return only(rows);
}

/** The user whose alerts the caller may see. */
export function findUser(db: Queryable, caller: Caller, userId: string): Promise<Membership | undefined> {
  return findVisibleUser(db, caller, userId);
}
