/** Publishes documents: one function for each provider behind one job. */
import type { Dispatcher } from 'undici';
import type { SecretBox } from '#libs/auth/secret-box.ts';
import { type FeatureSource, hasFeature } from '#libs/clients/require-feature.ts';
import { INTEGRATION_FEATURES, type PublicationProvider } from '#libs/contracts/integrations.ts';
import { type Database, type Queryable, transaction } from '#libs/db/database.ts';
import type { PublicHttp } from '#libs/http/public-http.ts';
import { enqueue } from '#libs/jobs/enqueue.ts';
import { shardOf } from '#libs/ledger/shard.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { type DocumentRow, presentDocument, type VersionRow } from '../documents/domain.ts';
import { loadImages } from '../documents/plugin.ts';
import type { ReadMedia } from '../media/domain.ts';
import {
  IntegrationError,
  type IntegrationRow,
  PROVIDER_NAMES,
  secretContext,
} from './domain/integration.ts';
import { afterFailure, afterSuccess, type PublicationRow, type PublishedPage } from './domain/publication.ts';
import { clearNotionPage, createNotionPage, notionCall, uploadImages, writeNotionPage } from './notion.ts';
import { findDocument, findPublication, recordPage, updatePublication } from './publications-store.ts';
import { findIntegration, recordUse } from './store.ts';
import { sendWebhook } from './webhook.ts';

export const PUBLISH_DOCUMENT = 'publish-document';

export type PublishOptions = {
  database: Database;
  clock: Runtime['clock'];
  secretBox: SecretBox;
  entitlements: FeatureSource;
  /** Connections to providers whose addresses the operator sets. */
  dispatcher: Dispatcher;
  notionUrl: string;
  /** Connections to addresses of customers. */
  http: Pick<PublicHttp, 'request'>;
  /** The account's own images in documents. */
  readMedia: ReadMedia;
};

/** One attempt: everything that a provider's function reads. */
type Attempt = {
  integration: IntegrationRow;
  secret: string;
  publication: PublicationRow;
  document: DocumentRow;
  version: VersionRow;
  signal: AbortSignal;
};

/** @throws IntegrationError */
type Publish = (options: PublishOptions, attempt: Attempt) => Promise<PublishedPage>;

const PUBLISHERS: Readonly<Record<PublicationProvider, Publish>> = {
  notion: publishToNotion,
  webhook: publishToWebhook,
};

type PublicationKey = Pick<PublicationRow, 'documentId' | 'provider' | 'accountId'>;

/** One job for each document and provider. Those of an account run one after another, within the provider's rate. */
export async function enqueuePublishing(
  db: Queryable,
  { documentId, provider, accountId }: PublicationKey,
  runAt?: Date,
): Promise<void> {
  await enqueue(
    db,
    PUBLISH_DOCUMENT,
    { documentId, provider, accountId },
    {
      jobKey: `publish ${documentId} ${provider}`,
      queue: `publish ${shardOf(accountId)}`,
      ...(runAt && { runAt }),
    },
  );
}

/**
 * One attempt at what was requested last; nothing if that has been answered. A page is created at most once for each
 * request: if the answer is missing, the outcome is unknown and the publication fails. All else may be repeated.
 */
export async function publishDocument(
  options: PublishOptions,
  { documentId, provider, accountId }: PublicationKey,
  signal: AbortSignal,
): Promise<void> {
  const { database, clock } = options;
  const requested = await findPublication(database, documentId, provider);
  const found = await findDocument(database, accountId, documentId);
  if (requested?.status !== 'publishing' || found === undefined) return;
  const publication = { ...requested, attempts: requested.attempts + 1 };
  await updatePublication(database, publication, { attempts: publication.attempts });
  const integration = await findIntegration(database, accountId, provider);
  const result = await attempt(options, { integration, publication, ...found, signal });
  signal.throwIfAborted();

  const now = clock.now();
  await transaction(database, async (tx) => {
    const isError = result instanceof IntegrationError;
    await recordUse(tx, { accountId, provider }, { at: now, error: isError ? result.message : null });
    if (!isError) {
      await recordPage(tx, publication, { externalId: result.id, url: result.url });
      await updatePublication(tx, publication, afterSuccess(found.version.version, now));
      return;
    }
    const { changes, retryAt } = afterFailure(result, publication.attempts, now);
    const isCurrent = await updatePublication(tx, publication, changes);
    if (isCurrent && retryAt !== null) await enqueuePublishing(tx, publication, retryAt);
  });
}

async function attempt(
  options: PublishOptions,
  {
    integration,
    ...rest
  }: Omit<Attempt, 'integration' | 'secret'> & { integration: IntegrationRow | undefined },
): Promise<PublishedPage | IntegrationError> {
  const { provider, accountId } = rest.publication;
  if (integration === undefined) {
    return new IntegrationError('not_connected', `${PROVIDER_NAMES[provider]} was disconnected.`);
  }
  if (!(await hasFeature(options.entitlements, accountId, INTEGRATION_FEATURES[provider]))) {
    return new IntegrationError('not_in_plan', 'The plan does not include this integration any more.');
  }
  const secret = options.secretBox.open(integration.secret, secretContext(integration));
  try {
    return await PUBLISHERS[provider](options, { ...rest, integration, secret });
  } catch (error) {
    if (error instanceof IntegrationError) return error;
    throw error;
  }
}

async function publishToNotion(options: PublishOptions, attempt: Attempt): Promise<PublishedPage> {
  const { secret, version, publication, signal } = attempt;
  const call = notionCall({ dispatcher: options.dispatcher, baseUrl: options.notionUrl }, secret, signal);
  const { title, markdown } = version;
  const { externalId } = publication;
  const known = externalId === null ? null : await clearNotionPage(call, externalId, title);
  const page = known ?? (await createPageOnce(options, call, attempt));
  const images = await loadImages(markdown, (id) => options.readMedia(publication.accountId, id));
  const uploads = await uploadImages(call, images);
  await writeNotionPage(call, page.id, { markdown, title, uploads });
  return page;
}

/** Creates the page, and remembers that it was asked for before, and which one it is right after. */
async function createPageOnce(
  { database, clock }: PublishOptions,
  call: ReturnType<typeof notionCall>,
  { integration, publication, version }: Attempt,
): Promise<{ id: string; url: string }> {
  if (publication.creationSentAt !== null) {
    const detail =
      'Notion did not confirm the new page. Check whether there is one before you publish again.';
    throw new IntegrationError('outcome_unknown', detail);
  }
  await recordPage(database, publication, { creationSentAt: clock.now(), externalId: null, url: null });
  const parentPageId = integration.settings.parent_page_id ?? '';
  try {
    const page = await createNotionPage(call, { parentPageId, title: version.title });
    await recordPage(database, publication, { externalId: page.id, url: page.url, creationSentAt: null });
    return page;
  } catch (error) {
    const isKnown = error instanceof IntegrationError && error.code !== 'outcome_unknown';
    if (isKnown) await recordPage(database, publication, { creationSentAt: null });
    throw error;
  }
}

async function publishToWebhook(options: PublishOptions, attempt: Attempt): Promise<PublishedPage> {
  const { integration, secret, publication, document, version, signal } = attempt;
  const page = await sendWebhook(
    { http: options.http, now: options.clock.now },
    {
      url: integration.settings.url ?? '',
      secret,
      id: publication.requestId,
      signal,
      body: {
        type: 'document.publish',
        id: publication.requestId,
        timestamp: publication.requestedAt.toISOString(),
        account_id: publication.accountId,
        data: {
          document: presentDocument(document, version),
          /** What the receiver answered before; null for a first publication. */
          page:
            publication.publishedAt === null ? null : { id: publication.externalId, url: publication.url },
        },
      },
    },
  );
  // A receiver that names no page any more still has the one it named.
  return { id: page.id ?? publication.externalId, url: page.url ?? publication.url };
}
