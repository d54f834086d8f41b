/** Everybody in an account has a seat, which a plan has so many of. */

/** The meter that counts them. */
export const SEATS = 'team.members';

/** Seats are the account's: whoever adds somebody, it is not their own that fill up. */
export function seatOwner(accountId: string) {
  return { accountId, userId: null, keyId: null, workspaceId: null };
}
