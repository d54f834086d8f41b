import type { ClaimedPost, PostPublisher, PublishingStore } from './ports.ts';

/** After this long a post that somebody was publishing may be taken over; longer than a publisher may take to answer. */
export const CLAIM_MS = 60_000;

/** Pauses before the second attempt and those after it; with the last one it is given up. */
const RETRY_DELAYS_MS = [15_000, 60_000, 300_000, 1_800_000];

/** Publishes one claimed post, and puts down what became of it. */
export async function publishClaimed(
  post: ClaimedPost,
  {
    store,
    publisher,
    now,
  }: { store: PublishingStore; publisher: Pick<PostPublisher, 'publish'>; now: () => Date },
): Promise<void> {
  const { connection } = post;
  if (connection === null) {
    return store.markFailed(post, {
      code: 'connection_removed',
      detail: 'The account it was to be published through has been disconnected.',
    });
  }
  const publication = await publisher.publish({ ...connection, id: post.id, text: post.text });
  switch (publication.outcome) {
    case 'published': {
      const { externalId, url } = publication;
      return store.markPublished(post, { externalId, url, at: now() });
    }
    case 'refused': {
      const { code, detail } = publication;
      return store.markFailed(post, { code, detail });
    }
    case 'unavailable': {
      const delayMs = RETRY_DELAYS_MS[post.attempts - 1];
      if (delayMs !== undefined) return store.postpone(post, new Date(now().getTime() + delayMs));
      return store.markFailed(post, {
        code: 'network_unavailable',
        detail: 'The network could not be reached, several times over.',
      });
    }
  }
}
