/** What an API key may be allowed to do. People are not restricted by scopes but by their role in the account. */
export const KEY_SCOPES = ['generate', 'usage:read', 'billing:read', 'keys:manage', '*'] as const;

/** `*` is everything, including scopes that are added later. */
export type KeyScope = (typeof KEY_SCOPES)[number];

/** What an operation asks of an API key: one scope, or nothing beyond being valid. */
export type RequiredScope = Exclude<KeyScope, '*'> | 'any';
