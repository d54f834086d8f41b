import type { Change } from '#libs/db/announce.ts';

const KINDS: readonly Change['kind'][] = ['prices', 'catalogue', 'account'];

/** Reads a notification; null for those of other kinds, which share the channel. */
export function parseMeteringChange(payload: string): Change | null {
  try {
    const change: Change = JSON.parse(payload);
    return KINDS.includes(change.kind) ? change : null;
  } catch {
    return null;
  }
}
