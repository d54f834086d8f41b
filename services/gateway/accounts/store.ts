/** Creating people and accounts, inside whatever transaction needs it. */

import type { AccountRole, PlatformRole } from '#libs/contracts/internal-context.ts';
import { accounts, memberships, users } from '#libs/db/schema/gateway.ts';
import type { Connection } from '#libs/db/transaction.ts';
import { recordWithin } from '#libs/ledger/quota-resources.ts';
import { problem } from '#libs/problems/problems.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { SEATS, seatOwner } from '../members/seats.ts';
import { onConnection, type Transaction, violatesUnique } from './database.ts';
import { normaliseEmail } from './email.ts';

export type NewUser = {
  email: string;
  passwordHash: string | null;
  name: string | null;
  platformRole?: PlatformRole;
  outside?: { issuer: string; subject: string };
};

/** @returns the new user's id. @throws ProblemError `email_taken`, which also spoils the transaction. */
export async function insertUser(tx: Transaction, runtime: Runtime, user: NewUser): Promise<string> {
  const id = runtime.newId();
  try {
    await tx.insert(users).values({
      id,
      email: user.email,
      emailNormalised: normaliseEmail(user.email),
      passwordHash: user.passwordHash,
      externalIssuer: user.outside?.issuer ?? null,
      externalSubject: user.outside?.subject ?? null,
      name: user.name,
      platformRole: user.platformRole ?? 'none',
      createdAt: runtime.clock.now(),
    });
  } catch (error) {
    throw violatesUnique(error, 'users_email') ? problem('email_taken', { cause: error }) : error;
  }
  return id;
}

/**
 * Its owner has a seat, which counts from the start and which no plan can refuse.
 * @returns the new account's id.
 */
export async function insertOwnedAccount(
  connection: Connection,
  runtime: Runtime,
  account: { name: string; ownerId: string },
): Promise<string> {
  const tx = onConnection(connection);
  const id = runtime.newId();
  await tx.insert(accounts).values({ id, name: account.name, createdAt: runtime.clock.now() });
  await insertMembership(tx, runtime, { accountId: id, userId: account.ownerId, role: 'owner' });
  await recordWithin(connection, null, {
    id,
    owner: seatOwner(id),
    meter: SEATS,
    amount: 1n,
    step: 'create',
  });
  return id;
}

export async function insertMembership(
  tx: Transaction,
  runtime: Runtime,
  membership: { accountId: string; userId: string; role: AccountRole },
): Promise<void> {
  await tx.insert(memberships).values({ ...membership, createdAt: runtime.clock.now() });
}
