import type { Change } from '#libs/db/notify.ts';

type IdentityChange = Extract<Change, { kind: 'user' | 'account' | 'api_key' | 'session_token' }>;

const IDENTITY_KINDS: ReadonlySet<string> = new Set<IdentityChange['kind']>([
  'user',
  'account',
  'api_key',
  'session_token',
]);

/** The tag of cache entries that a change of this invalidates. */
export function changeTag({ kind, id }: IdentityChange): string {
  return `${kind} ${id}`;
}

export function isIdentityChange(change: Change): change is IdentityChange {
  return IDENTITY_KINDS.has(change.kind);
}
