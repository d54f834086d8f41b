/** Contacts of the connected CRM. They are read for each request; none is stored. */
import type { Dispatcher } from 'undici';
import type { SecretBox } from '#libs/auth/secret-box.ts';
import { type FeatureSource, hasFeature } from '#libs/clients/require-feature.ts';
import { type ContactView, INTEGRATION_FEATURES } from '#libs/contracts/integrations.ts';
import type { Queryable } from '#libs/db/database.ts';
import type { Logger } from '#libs/service/logger.ts';
import type { Clock } from '#libs/service/runtime.ts';
import { IntegrationError, type IntegrationRow, secretContext } from './domain/integration.ts';
import { type ContactSearch, hubspotCall, searchHubspot } from './hubspot.ts';
import { findIntegration, recordUse } from './store.ts';

export type ContactOptions = {
  clock: Clock;
  secretBox: SecretBox;
  entitlements: FeatureSource;
  dispatcher: Dispatcher;
  hubspotUrl: string;
  logger: Pick<Logger, 'warn'>;
};

/**
 * Looks a contact up by address, for a text that is written to them.
 * @returns null if there is none, without a connected CRM or the feature, and when the CRM does not answer.
 */
export type FindContact = (db: Queryable, accountId: string, email: string) => Promise<ContactView | null>;

export function createFindContact(options: ContactOptions): FindContact {
  return async (db, accountId, email) => {
    const connection = await findIntegration(db, accountId, 'hubspot');
    if (connection === undefined) return null;
    if (!(await hasFeature(options.entitlements, accountId, INTEGRATION_FEATURES.hubspot))) return null;
    try {
      const [contact = null] = await searchContacts(db, options, connection, { email, limit: 1 });
      return contact;
    } catch (error) {
      if (!(error instanceof IntegrationError)) throw error;
      options.logger.warn({ account: accountId, code: error.code }, 'contact not read');
      return null;
    }
  };
}

/** Searches the CRM, and records the use. @throws IntegrationError */
export async function searchContacts(
  db: Queryable,
  { clock, secretBox, dispatcher, hubspotUrl }: Omit<ContactOptions, 'logger' | 'entitlements'>,
  connection: IntegrationRow,
  search: ContactSearch,
): Promise<ContactView[]> {
  const token = secretBox.open(connection.secret, secretContext(connection));
  const record = (error: string | null) => recordUse(db, connection, { at: clock.now(), error });
  try {
    const contacts = await searchHubspot(hubspotCall({ dispatcher, baseUrl: hubspotUrl }, token), search);
    await record(null);
    return contacts;
  } catch (error) {
    if (error instanceof IntegrationError) await record(error.message);
    throw error;
  }
}
