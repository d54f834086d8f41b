/** The balances of users, keys and workspaces in accounts that limit them. */
import { plainArray } from './array-literal.ts';
import { formatInstant } from './instant.ts';
import {
  type Key,
  keyArrays,
  knownScopes,
  type Loaded,
  type LoadedAccount,
  type LoadedBalance,
  type Member,
  type MemberScope,
  toBalance,
} from './load.ts';
import { shardOf } from './shard.ts';
import type { Rounds, Row, Statement } from './two-step.ts';

const MEMBERS_SQL = `
  SELECT q.account_id, q.scope, q.scope_id, b.row_pointer, b.version, b.since, b.used, b.held
    FROM unnest($1::smallint[], $2::uuid[], $3::text[], $4::text[]) q(shard, account_id, scope, scope_id)
   CROSS JOIN LATERAL (
     SELECT ctid AS row_pointer, version, since, used, held FROM ledger_balances
      WHERE shard = q.shard AND account_id = q.account_id AND scope = q.scope AND scope_id = q.scope_id OFFSET 0) b`;

/** Balances of all members in whose names open holds are. */
const MEMBERS_OF_HOLDS_SQL = `
  SELECT o.account_id, m.scope, m.scope_id, b.row_pointer, b.version, b.since, b.used, b.held
    FROM unnest($1::smallint[], $2::uuid[]) q(shard, id)
   CROSS JOIN LATERAL (
     SELECT account_id, user_id, key_id, workspace_id FROM ledger_open_holds WHERE shard = q.shard AND id = q.id OFFSET 0) o
   CROSS JOIN LATERAL (
     VALUES ('user', o.user_id::text), ('key', o.key_id::text), ('workspace', o.workspace_id::text)) m(scope, scope_id)
   CROSS JOIN LATERAL (
     SELECT ctid AS row_pointer, version, since, used, held FROM ledger_balances
      WHERE shard = q.shard AND account_id = o.account_id AND scope = m.scope AND scope_id = m.scope_id OFFSET 0) b`;

const OPEN_SQL = `
  SELECT ledger_open_balances($1::timestamptz, q.shard, q.account_id, array_agg(q.scope), array_agg(q.scope_id))
    FROM unnest($2::smallint[], $3::uuid[], $4::text[], $5::text[]) q(shard, account_id, scope, scope_id)
   GROUP BY q.shard, q.account_id`;

const NONE: readonly never[] = [];

const memberKey = (scope: string, scopeId: string) => `${scope}:${scopeId}`;

const idIn = (scope: MemberScope, member: Member) =>
  ({ user: member.userId, key: member.keyId, workspace: member.workspaceId })[scope];

/**
 * The balances in which calls of this member count, the account's own first; undefined stands for a member's balance
 * that does not exist.
 */
export function balancesOf(account: LoadedAccount, member: Member): (LoadedBalance | undefined)[] {
  const balances: (LoadedBalance | undefined)[] = [account.balance];
  for (const scope of account.memberScopes) {
    const id = idIn(scope, member);
    if (id !== null) balances.push(account.members.get(memberKey(scope, id)));
  }
  return balances;
}

/** Takes balances of members as they were read, of scopes that the account limits. */
function readMembers(accounts: Loaded['accounts'], rows: readonly Row[]): void {
  for (const [accountId, scope, scopeId, ...rest] of rows as [string, MemberScope, string, ...string[]][]) {
    const account = accounts.get(accountId);
    if (account?.memberScopes.includes(scope))
      account.members.set(memberKey(scope, scopeId), toBalance(accountId, scope, scopeId, rest));
  }
}

type CallOf = Member & { accountId: string };

/** The balances of members, in the scopes that `scopesOf` names. */
function membersIn(calls: readonly CallOf[], scopesOf: (accountId: string) => readonly MemberScope[]): Key[] {
  const keys = new Map<string, Key>();
  for (const call of calls) {
    const { accountId } = call;
    for (const scope of scopesOf(accountId)) {
      const scopeId = idIn(scope, call);
      if (scopeId !== null) keys.set(`${accountId}/${scope}:${scopeId}`, { accountId, scope, scopeId });
    }
  }
  return [...keys.values()];
}

const selectMembers = (keys: readonly Key[]): Statement => ({
  name: 'ledger_members',
  text: MEMBERS_SQL,
  values: keyArrays(keys),
});

/** Reads the balances of members in accounts that are known to limit them; null if there are none. */
export function selectKnownMembers(calls: readonly CallOf[]): Statement | null {
  const keys = membersIn(calls, (accountId) => knownScopes.get(accountId) ?? NONE);
  return keys.length === 0 ? null : selectMembers(keys);
}

/** The same for the members of open holds. */
export function selectMembersOfHolds(holds: readonly { id: string; accountId: string }[]): Statement | null {
  const known = holds.filter(({ accountId }) => knownScopes.has(accountId));
  if (known.length === 0) return null;
  const shards = plainArray(known.map(({ accountId }) => shardOf(accountId)));
  const values = [shards, plainArray(known.map(({ id }) => id))];
  return { name: 'ledger_hold_members', text: MEMBERS_OF_HOLDS_SQL, values };
}

/**
 * Reads the balances of users, keys and workspaces in accounts that limit them, except those that were read already.
 *
 * @param open whether balances that do not exist are opened, as on a member's first call.
 */
export function* loadMembers(
  { accounts, now, members }: Loaded,
  calls: readonly CallOf[],
  open: boolean,
): Rounds<void> {
  const missing = () =>
    membersIn(calls, (accountId) => accounts.get(accountId)?.memberScopes ?? NONE).filter(
      ({ accountId, scope, scopeId }) => !accounts.get(accountId)?.members.has(memberKey(scope, scopeId)),
    );
  readMembers(accounts, members.splice(0));
  const unread = missing();
  if (unread.length === 0) return;
  readMembers(accounts, (yield [selectMembers(unread)])[0] as Row[]);
  const absent = open ? missing() : NONE;
  if (absent.length === 0) return;
  const values = [formatInstant(now), ...keyArrays(absent)];
  const opened: Row[][] = yield [{ name: 'ledger_open', text: OPEN_SQL, values }, selectMembers(absent)];
  readMembers(accounts, opened[1] as Row[]);
}
