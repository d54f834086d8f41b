/** Contacts of HubSpot: https://developers.hubspot.com/docs/api/crm/search */
import type { Dispatcher } from 'undici';
import { z } from 'zod';
import type { ContactView } from '#libs/contracts/integrations.ts';
import { IntegrationError } from './domain/integration.ts';
import { createVendorCall, type VendorCall } from './vendor-api.ts';

export type HubspotOptions = { dispatcher: Dispatcher; baseUrl: string };

export type ContactSearch = { email?: string | undefined; query?: string | undefined; limit: number };

const SEARCH_PATH = '/crm/v3/objects/contacts/search';
const OWNERS_PATH = '/crm/v3/owners?limit=500';
const PROPERTIES = [
  'firstname',
  'lastname',
  'email',
  'company',
  'lifecyclestage',
  'hubspot_owner_id',
  'notes_last_contacted',
];
/** A customer waits for the contacts. */
const TIMEOUT_MS = 6_000;
/** HubSpot counts searches by the second. */
const MAX_PAUSE_MS = 1_000;

const property = z.string().nullish();
const found = z.object({
  results: z.array(
    z.object({
      id: z.string(),
      properties: z.object({
        firstname: property,
        lastname: property,
        email: property,
        company: property,
        lifecyclestage: property,
        hubspot_owner_id: property,
        notes_last_contacted: property,
      }),
    }),
  ),
});
const owners = z.object({
  results: z.array(z.object({ id: z.string(), firstName: property, lastName: property, email: property })),
});
type Properties = z.output<typeof found>['results'][number]['properties'];

/** The calls of one customer. */
export function hubspotCall(options: HubspotOptions, token: string, signal?: AbortSignal): VendorCall {
  const more = signal && { signal };
  return createVendorCall({
    ...options,
    name: 'HubSpot',
    token,
    headers: {},
    timeoutMs: TIMEOUT_MS,
    maxPauseMs: MAX_PAUSE_MS,
    ...more,
  });
}

/** @throws IntegrationError unless the token may read contacts. */
export async function checkHubspot(call: VendorCall): Promise<void> {
  await search(call, { limit: 1 });
}

/** @throws IntegrationError */
export async function searchHubspot(call: VendorCall, wanted: ContactSearch): Promise<ContactView[]> {
  const results = (await search(call, wanted)).slice(0, wanted.limit);
  const hasOwners = results.some(({ properties }) => isPresent(properties.hubspot_owner_id));
  const names = hasOwners ? await ownerNames(call) : new Map<string, string>();
  return results.map(({ id, properties }) => presentContact(id, properties, names));
}

async function search(call: VendorCall, { email, query, limit }: ContactSearch) {
  const body = {
    limit,
    properties: PROPERTIES,
    ...(query !== undefined && { query }),
    ...(email !== undefined && {
      filterGroups: [{ filters: [{ propertyName: 'email', operator: 'EQ', value: email.toLowerCase() }] }],
    }),
  };
  const answer = found.safeParse(await call({ method: 'POST', path: SEARCH_PATH, isRepeatable: true, body }));
  if (answer.success) return answer.data.results;
  throw new IntegrationError('unavailable', 'The answer of HubSpot has no contacts.', {
    cause: answer.error,
  });
}

/** Names by id; none if the token may not read owners. */
async function ownerNames(call: VendorCall): Promise<Map<string, string>> {
  try {
    const { results } = owners.parse(await call({ method: 'GET', path: OWNERS_PATH }));
    return new Map(
      results.flatMap(({ id, firstName, lastName, email }) => {
        const name = nameOf(firstName, lastName) ?? email;
        return isPresent(name) ? [[id, name] as const] : [];
      }),
    );
  } catch (error) {
    // The contacts are of use without the names of their owners.
    if (error instanceof IntegrationError || error instanceof z.ZodError) return new Map();
    throw error;
  }
}

function presentContact(id: string, properties: Properties, names: ReadonlyMap<string, string>): ContactView {
  const { firstname, lastname, email, company, lifecyclestage, hubspot_owner_id: owner } = properties;
  const contactedAt = new Date(properties.notes_last_contacted ?? '');
  return {
    id,
    name: nameOf(firstname, lastname),
    email: orNull(email),
    company: orNull(company),
    stage: orNull(lifecyclestage),
    owner: isPresent(owner) ? (names.get(owner) ?? owner) : null,
    last_contact_at: Number.isNaN(contactedAt.getTime()) ? null : contactedAt.toISOString(),
  };
}

const isPresent = (text: string | null | undefined): text is string =>
  text !== null && text !== undefined && text.trim() !== '';

const orNull = (text: string | null | undefined) => (isPresent(text) ? text : null);

const nameOf = (first: string | null | undefined, last: string | null | undefined) =>
  orNull([first, last].filter(isPresent).join(' '));
