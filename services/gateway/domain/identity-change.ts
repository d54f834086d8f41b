import { z } from 'zod';

/** Says that what caches may know about somebody is out of date; travels by `NOTIFY`. */
export const CHANGES_CHANNEL = 'inkmeter';

const identityChange = z
  .string()
  .transform((text, context): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      context.addIssue('not JSON');
      return z.NEVER;
    }
  })
  .pipe(
    z.object({
      kind: z.enum(['user', 'account', 'api_key']),
      /** Of the user or account; of an API key, its public id. */
      id: z.string(),
    }),
  );

export type IdentityChange = z.output<typeof identityChange>;

/** Reads a notification; null for those of other kinds, which share the channel. */
export function parseIdentityChange(payload: string): IdentityChange | null {
  const { success, data } = identityChange.safeParse(payload);
  return success ? data : null;
}

/** The tag under which cached things are found again when this changes. */
export function changeTag({ kind, id }: IdentityChange): string {
  return `${kind} ${id}`;
}
