/**
 * HubSpot, as far as contacts are read from it. Any token that begins with `pat-` is valid, except `pat-invalid`;
 * `pat-contacts` may not read owners. It refuses more than five searches a second.
 */
import { z } from 'zod';
import {
  bearerOf,
  createRateLimit,
  parseJson,
  type VendorAnswer,
  type VendorSimulator,
} from './vendor-api.ts';

export const HUBSPOT_PATH = '/hubspot';

/** https://developers.hubspot.com/docs/api/crm/search */
const searchBody = z.strictObject({
  query: z.string().max(3_000).optional(),
  filterGroups: z
    .array(
      z.strictObject({
        filters: z
          .array(
            z.strictObject({
              propertyName: z.literal('email'),
              operator: z.literal('EQ'),
              value: z.string(),
            }),
          )
          .min(1)
          .max(6),
      }),
    )
    .max(5)
    .optional(),
  properties: z.array(z.string()).optional(),
  limit: z.int().min(1).max(200).optional(),
  after: z.string().optional(),
  sorts: z.array(z.unknown()).max(1).optional(),
});

const OWNERS = [
  {
    id: '41',
    email: 'grace@example.com',
    firstName: 'Grace',
    lastName: 'Hopper',
    userId: 1,
    archived: false,
  },
];

const CONTACTS: readonly Readonly<Record<string, string | null>>[] = [
  {
    id: '512',
    firstname: 'Ada',
    lastname: 'Lovelace',
    email: 'ada@example.com',
    company: 'Analytical Engines',
    lifecyclestage: 'customer',
    hubspot_owner_id: '41',
    notes_last_contacted: '2026-11-12T09:30:00Z',
  },
  {
    id: '513',
    firstname: 'Alan',
    lastname: null,
    email: 'alan@example.com',
    company: '',
    lifecyclestage: 'lead',
  },
  { id: '514', firstname: '', lastname: '', email: 'info@example.com', company: 'Analytical Engines' },
];

const refusal = (status: number, category: string, message: string, headers: readonly string[] = []) => ({
  status,
  body: { status: 'error', message, correlationId: '00000000-0000-0000-0000-000000000000', category },
  headers,
});

export function createHubspotSimulator(): VendorSimulator {
  const rate = createRateLimit({ burst: 5, perSecond: 5 });

  function search(body: unknown): VendorAnswer {
    const { data, error } = searchBody.safeParse(body);
    if (data === undefined)
      return refusal(400, 'VALIDATION_ERROR', `Invalid input JSON: ${error.issues[0]?.message}`);
    const { query, filterGroups = [], properties = ['firstname', 'lastname', 'email'], limit = 10 } = data;
    if (query === 'slow down')
      return refusal(429, 'RATE_LIMITS', 'You have reached your limit.', ['retry-after', '30']);
    const emails = filterGroups.flatMap(({ filters }) => filters.map(({ value }) => value));
    const found = CONTACTS.filter((contact) => {
      const text = Object.values(contact).join(' ').toLowerCase();
      return (
        (query === undefined || text.includes(query.toLowerCase())) &&
        (emails.length === 0 || emails.includes(contact.email ?? ''))
      );
    });
    const results = found.slice(0, limit).map(({ id, ...all }) => ({
      id,
      properties: Object.fromEntries(properties.map((name) => [name, all[name] ?? null])),
      createdAt: '2026-01-17T19:55:04.281Z',
      updatedAt: '2026-11-12T09:30:00.000Z',
      archived: false,
    }));
    return { status: 200, body: { total: found.length, results } };
  }

  return {
    answer({ method, path, headers, body }) {
      const token = bearerOf(headers.authorization);
      if (!token.startsWith('pat-') || token === 'pat-invalid')
        return refusal(401, 'INVALID_AUTHENTICATION', 'Authentication credentials not found.');
      const place = `${method} ${path.split('?', 1)[0]}`;
      if (place === 'GET /crm/v3/owners') {
        if (token === 'pat-contacts')
          return refusal(403, 'MISSING_SCOPES', 'This app has no scope for owners.');
        return { status: 200, body: { results: OWNERS } };
      }
      if (place !== 'POST /crm/v3/objects/contacts/search')
        return refusal(404, 'OBJECT_NOT_FOUND', 'Not found.');
      if (!rate.admits(token)) return refusal(429, 'RATE_LIMITS', 'You have reached your secondly limit.');
      return search(parseJson(body));
    },
    clear: () => rate.clear(),
  };
}
