/** What an API key may do. Users are restricted by their role in the account, not by scopes. */
export const KEY_SCOPES = [
  'generate',
  'usage:read',
  'usage:write',
  'billing:read',
  'keys:manage',
  '*',
] as const;

/** `*` means everything, including scopes added later. */
export type KeyScope = (typeof KEY_SCOPES)[number];

/** The scope that an operation requires of an API key; `any` valid key is enough for some. */
export type RequiredScope = Exclude<KeyScope, '*'> | 'any';
