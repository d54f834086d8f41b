/** What follows from an attempt to publish a document. */
import type { PublicationView } from '#libs/contracts/integrations.ts';
import type { documentPublications } from '#libs/db/schema/integrations.ts';
import type { IntegrationError } from './integration.ts';

export type PublicationRow = typeof documentPublications.$inferSelect;

/** The page at the provider; the webhook of a customer may name none. */
export type PublishedPage = { id: string | null; url: string | null };

/** Pauses after the first attempt and each later one. After the last pause there is one more attempt. */
const RETRY_DELAYS_MS = [10_000, 60_000, 300_000, 1_800_000];

/** How a publication changes after an attempt that failed. @returns when to try again; null: never. */
export function afterFailure(
  { code, message, retryAfterMs }: IntegrationError,
  attempts: number,
  now: Date,
): { changes: Partial<PublicationRow>; retryAt: Date | null } {
  const delayMs = code === 'unavailable' ? RETRY_DELAYS_MS[attempts - 1] : undefined;
  if (delayMs !== undefined) {
    const retryAt = new Date(now.getTime() + Math.max(delayMs, retryAfterMs ?? 0));
    return { changes: { updatedAt: now }, retryAt };
  }
  return {
    changes: {
      status: 'failed',
      errorCode: code,
      errorDetail: message,
      // The customer looks whether there is a page; the next request creates one.
      creationSentAt: null,
      updatedAt: now,
    },
    retryAt: null,
  };
}

export function afterSuccess(version: number, now: Date): Partial<PublicationRow> {
  return {
    status: 'published',
    publishedVersion: version,
    publishedAt: now,
    errorCode: null,
    errorDetail: null,
    updatedAt: now,
  };
}

export const presentPublication = (row: PublicationRow): PublicationView => ({
  provider: row.provider,
  status: row.status,
  url: row.url,
  published_at: row.publishedAt?.toISOString() ?? null,
  published_version: row.publishedVersion,
  requested_at: row.requestedAt.toISOString(),
  error:
    row.errorCode === null || row.errorDetail === null
      ? null
      : { code: row.errorCode, detail: row.errorDetail },
});
