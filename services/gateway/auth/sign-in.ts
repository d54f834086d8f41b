/** The steps of signing up and in: verify the password, then choose or create the account. */
import { hashPassword, verifyPassword } from '#libs/auth/password.ts';
import { type Database, transaction } from '#libs/db/database.ts';
import { ProblemError, problem } from '#libs/problems/problems.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { requestMail } from './mails.ts';
import {
  createAccountForOrphan,
  createOwner,
  findMembership,
  findUserByEmail,
  type OwnedAccount,
} from './store.ts';

export type SignInContext = {
  database: Database;
  runtime: Runtime;
  /** Whether only users with a verified address may sign in. */
  requiresVerification: boolean;
  /** @throws ProblemError `rate_limited` after too many password checks of one address. */
  limitChecks: (email: string) => Promise<void>;
  /** Called when a password was right. */
  onPassed: (email: string) => void;
  /** Called when a password was wrong; null for an unknown address. */
  onRefused: (userId: string | null) => void;
};

export type NewOwner = {
  email: string;
  password: string;
  name: string | null;
  accountName: string | undefined;
};

export type VerifiedUser = { userId: string; verifiedHash: string };

/** @throws ProblemError `invalid_credentials`, `email_not_verified`, `rate_limited` */
export async function verifyCredentials(
  { database, requiresVerification, limitChecks, onPassed, onRefused }: SignInContext,
  email: string,
  password: string,
): Promise<VerifiedUser> {
  await limitChecks(email);
  const user = await findUserByEmail(database, email);
  const verifiedHash = user?.passwordHash ?? null;
  const isRight = await verifyPassword(password, verifiedHash);
  if (!isRight || user === undefined || verifiedHash === null) {
    onRefused(user?.id ?? null);
    throw problem('invalid_credentials');
  }
  onPassed(email);
  if (requiresVerification && user.emailVerifiedAt === null) throw problem('email_not_verified');
  return { userId: user.id, verifiedHash };
}

/**
 * The account to sign in to: the requested one, or the first one joined. A user who belongs to no account, such as one
 * removed from their last, gets one of their own.
 *
 * @throws ProblemError `role_required` when the user is not in the requested account, `account_suspended`.
 */
export async function openAccount(
  { database, runtime }: SignInContext,
  user: VerifiedUser,
  requested?: string,
): Promise<string> {
  const membership = await findMembership(database, user.userId, requested);
  if (membership?.accountStatus === 'active') return membership.accountId;
  if (membership?.accountStatus === 'suspended') throw problem('account_suspended');
  if (requested !== undefined) {
    throw problem('role_required', { detail: `You are not a member of the account ${requested}.` });
  }
  const created = await createAccountForOrphan(database, runtime, user);
  if (created !== null) return created;
  // A concurrent sign-in has created it.
  const own = await findMembership(database, user.userId);
  if (own?.accountStatus !== 'active') throw problem('invalid_credentials');
  return own.accountId;
}

/**
 * Creates a user with an account. Someone who has a user but no account, and knows its password, gets an account.
 *
 * @throws ProblemError `email_taken` in every other case of a known address, `rate_limited`
 */
export async function registerOwner(
  context: SignInContext,
  owner: NewOwner,
): Promise<VerifiedUser & { accountId: string }> {
  const { database, runtime } = context;
  const { email, password, name, accountName } = owner;
  // Hashed before the address is looked up, so that both outcomes take the same time.
  const passwordHash = await hashPassword(password);
  try {
    const created = await createOwner(database, runtime, {
      email,
      passwordHash,
      name,
      accountName: accountName ?? name ?? email,
    });
    return { ...created, verifiedHash: passwordHash };
  } catch (error) {
    if (!(error instanceof ProblemError) || error.code !== 'email_taken') throw error;
    const returning = await reopenAccount(context, owner);
    if (returning === null) throw error;
    return returning;
  }
}

/**
 * Creates a user with an account, both of no use until the address is verified. An address that has a user gets a mail that
 * says so, and the caller learns nothing.
 */
export async function registerUnverified(
  { database, runtime }: Pick<SignInContext, 'database' | 'runtime'>,
  owner: NewOwner,
): Promise<OwnedAccount | null> {
  const { email, password, name, accountName } = owner;
  const passwordHash = await hashPassword(password);
  const user = { email, passwordHash, name, accountName: accountName ?? name ?? email };
  try {
    return await createOwner(database, runtime, user, (tx) => requestMail(tx, runtime, 'sign_up', email));
  } catch (error) {
    if (!(error instanceof ProblemError) || error.code !== 'email_taken') throw error;
    await transaction(database, (tx) => requestMail(tx, runtime, 'sign_up', email));
    return null;
  }
}

async function reopenAccount(
  context: SignInContext,
  { email, password, accountName }: { email: string; password: string; accountName: string | undefined },
): Promise<(VerifiedUser & { accountId: string }) | null> {
  const { database, runtime, limitChecks } = context;
  const user = await findUserByEmail(database, email);
  if (user === undefined || user.passwordHash === null) return null;
  if ((await findMembership(database, user.id)) !== null) return null;
  await limitChecks(email);
  if (!(await verifyPassword(password, user.passwordHash))) return null;
  const verified = { userId: user.id, verifiedHash: user.passwordHash };
  const accountId = await createAccountForOrphan(database, runtime, { ...verified, accountName });
  return accountId === null ? null : { ...verified, accountId };
}
