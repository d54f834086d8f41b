import type { Change } from '#libs/db/notify.ts';

type IdentityChange = Extract<Change, { kind: 'user' | 'account' | 'api_key' }>;

/** The tag of cache entries that a change of this invalidates. */
export function changeTag({ kind, id }: IdentityChange): string {
  return `${kind} ${id}`;
}

export function isIdentityChange(change: Change): change is IdentityChange {
  return change.kind === 'user' || change.kind === 'account' || change.kind === 'api_key';
}
