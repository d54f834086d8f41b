import type { Window } from '#libs/catalogue/limit.ts';
import { amountOfNewLimit, type NewKeyLimit } from '#libs/contracts/api-keys.ts';
import { type Caller, MANAGER_ROLES } from '#libs/contracts/internal-context.ts';
import { type KeyLimitWire, keyLimitToWire } from '#libs/contracts/limits.ts';
import type { apiKeys, StoredKeyLimit } from '#libs/db/schema/gateway.ts';
import { formatUsd, parseUsd } from '#libs/money/money.ts';
import { problem } from '#libs/problems/problems.ts';
import { requireRole } from '../auth/domain.ts';

export type ApiKeyRow = typeof apiKeys.$inferSelect;

export type KeyLimitAmount = {
  meter: string;
  window: Window;
  /** Nano-USD for `cost`, units of the meter otherwise. */
  amount: bigint;
};

/**
 * Puts the limits of one key in force. Called before the key exists, so that it is never usable without them.
 *
 * @throws ProblemError when they could not be put in force; the key is not created then.
 */
export type SetKeyLimits = (key: {
  accountId: string;
  keyId: string;
  limits: readonly KeyLimitAmount[];
  requestId: string;
}) => Promise<void>;

/** A user needs a role that manages the account; a key has passed the check of its scope `keys:manage`. */
export function checkMayManageKeys(caller: Caller): void {
  if (caller.keyId === null) requireRole(caller, MANAGER_ROLES);
}

/** Keys of one account that are neither revoked nor expired. */
export const MAX_ACTIVE_KEYS = 100;

/** @throws ProblemError `conflict` */
export function checkKeyCount(active: number): void {
  if (active >= MAX_ACTIVE_KEYS) {
    throw problem('conflict', {
      detail: `The account has ${active} API keys. Revoke some before you create more.`,
    });
  }
}

/** @throws ProblemError `conflict` for a key that no longer works. */
export function checkIsActive(
  { revokedAt, expiresAt }: Pick<ApiKeyRow, 'revokedAt' | 'expiresAt'>,
  now: Date,
) {
  const state = revokedAt !== null ? 'revoked' : expiresAt !== null && expiresAt <= now ? 'expired' : null;
  if (state !== null) throw problem('conflict', { detail: `The key is ${state}.`, fields: { state } });
}

/** @throws ProblemError `semantic_error` */
export function checkExpiry(expiresAt: Date | null, now: Date): void {
  if (expiresAt !== null && expiresAt <= now) {
    throw problem('semantic_error', {
      detail: `expires_at is in the past: ${expiresAt.toISOString()}.`,
      fields: { param: 'expires_at' },
    });
  }
}

/**
 * A key that creates or changes keys cannot exceed itself: no further scopes, no longer life, no way around its limits.
 *
 * @throws ProblemError `insufficient_scope`
 */
export function checkDelegation(
  parent: Pick<ApiKeyRow, 'scopes' | 'expiresAt' | 'limits'>,
  child: { scopes: readonly string[]; expiresAt: Date | null },
): void {
  const refuse = (detail: string) =>
    problem('insufficient_scope', { detail, fields: { scopes: parent.scopes } });
  if (parent.limits.length > 0) throw refuse('A key with its own limits cannot create or change keys.');
  if (!parent.scopes.includes('*') && child.scopes.some((scope) => !parent.scopes.includes(scope))) {
    throw refuse('A key cannot create or change a key with scopes that it does not have itself.');
  }
  if (parent.expiresAt !== null && (child.expiresAt === null || child.expiresAt > parent.expiresAt)) {
    throw refuse('A key cannot create or change a key that outlives it.');
  }
}

/** The limits that a request sets. */
export function requestedLimits(limits: readonly NewKeyLimit[]): KeyLimitAmount[] {
  return limits.map((limit) => ({
    meter: limit.meter,
    window: limit.window,
    amount: amountOfNewLimit(limit),
  }));
}

export function limitsFromStored(limits: readonly StoredKeyLimit[]): KeyLimitAmount[] {
  return limits.map(({ meter, window, amount }) => ({
    meter,
    window,
    amount: meter === 'cost' ? parseUsd(String(amount)) : BigInt(amount),
  }));
}

export function limitsToStored(limits: readonly KeyLimitAmount[]): StoredKeyLimit[] {
  return limits.map(({ meter, window, amount }) => ({
    meter,
    window,
    amount: meter === 'cost' ? formatUsd(amount) : Number(amount),
  }));
}

/** The limits of a key or an end user as responses have them. */
export function presentLimits(stored: readonly StoredKeyLimit[]): KeyLimitWire[] {
  return limitsFromStored(stored).map(keyLimitToWire);
}
