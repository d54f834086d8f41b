/** `/api/integrations`: external systems of an account, the documents published there, and the contacts read there. */
import { z } from 'zod';
import { instant } from './envelope.ts';
import { idempotencyHeaders } from './idempotency-key.ts';
import { defineOperation } from './operation.ts';
import { list } from './page.ts';
import { problemResponses, USER_PROBLEMS } from './problem-responses.ts';
import { CONTROLS, isStorable } from './storable-text.ts';

export const INTEGRATION_PROVIDERS = ['notion', 'hubspot', 'webhook'] as const;
export type IntegrationProvider = (typeof INTEGRATION_PROVIDERS)[number];

/** The providers that documents can be published to. */
export const PUBLICATION_PROVIDERS = ['notion', 'webhook'] as const;
export type PublicationProvider = (typeof PUBLICATION_PROVIDERS)[number];

/** What a plan must include to use a provider. */
export const INTEGRATION_FEATURES = {
  notion: 'notion_integration',
  hubspot: 'crm_integration',
  webhook: 'custom_integrations',
} as const satisfies Record<IntegrationProvider, string>;

const PATH = '/api/integrations';
const tags = ['Integrations'];
const NOTION_ID = /^[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}$/i;
export const MAX_CONTACTS = 50;

const token = z
  .string()
  .min(8)
  .max(500)
  .regex(/^[\x21-\x7e]+$/, 'must be visible ASCII characters')
  .describe('Stored encrypted, and never shown again.');

const integrationShape = {
  provider: z.enum(INTEGRATION_PROVIDERS),
  status: z
    .enum(['not_connected', 'connected', 'failing'])
    .describe('`failing`: the last use failed; see `last_error`.'),
  settings: z
    .object({ parent_page_id: z.string().optional(), url: z.string().optional() })
    .describe('`parent_page_id` of Notion, `url` of a webhook. Tokens and secrets are never shown.'),
  connected_at: instant.nullable(),
  last_used_at: instant.nullable(),
  last_error: z.string().nullable(),
};
const integration = z.object(integrationShape).meta({ id: 'Integration' });
export type IntegrationView = z.input<typeof integration>;

const exampleIntegration: IntegrationView = {
  provider: 'notion',
  status: 'connected',
  settings: { parent_page_id: '59833787-2cf9-4fdf-8782-e53db20768a5' },
  connected_at: '2026-11-20T12:00:00.000Z',
  last_used_at: '2026-11-20T12:05:00.000Z',
  last_error: null,
};
const exampleWebhook: IntegrationView = {
  ...exampleIntegration,
  provider: 'webhook',
  settings: { url: 'https://cms.example.com/inkmeter' },
  last_used_at: null,
};
const notConnected = (provider: IntegrationProvider): IntegrationView => ({
  provider,
  status: 'not_connected',
  settings: {},
  connected_at: null,
  last_used_at: null,
  last_error: null,
});

const params = z.object({ provider: z.enum(INTEGRATION_PROVIDERS) });
const MANAGER_PROBLEMS = [...USER_PROBLEMS, 'role_required'] as const;
const CONNECT_PROBLEMS = [
  ...MANAGER_PROBLEMS,
  'feature_not_in_plan',
  'semantic_error',
  'body_too_large',
] as const;
const CHECKED = 'It is checked first, and refused with `semantic_error` if it does not work.';

export const listIntegrations = defineOperation({
  operationId: 'listIntegrations',
  method: 'GET',
  path: PATH,
  summary: 'List the integrations of the account',
  description: 'Every provider, connected or not. For owners and admins.',
  tags,
  auth: 'user',
  responses: {
    200: {
      description: 'All providers.',
      schema: list(integration).meta({ id: 'Integrations' }),
      example: {
        data: [exampleIntegration, notConnected('hubspot'), notConnected('webhook')],
        next_cursor: null,
      },
    },
    ...problemResponses(...MANAGER_PROBLEMS),
  },
});

export const connectNotion = defineOperation({
  operationId: 'connectNotion',
  method: 'PUT',
  path: `${PATH}/notion`,
  summary: 'Connect Notion',
  description: `Takes the token of an internal integration, and a page that is shared with it: documents are published below that page. ${CHECKED} Replaces the connection there is. For owners and admins.`,
  tags,
  auth: 'user',
  body: z
    .strictObject({
      token,
      parent_page_id: z
        .string()
        .regex(NOTION_ID, 'must be the id of a page: 32 hexadecimal digits')
        .describe('The last 32 characters of the address of the page.'),
    })
    .meta({ id: 'ConnectNotionRequest' }),
  bodyExample: {
    token: 'ntn_<token>',
    parent_page_id: '598337872cf94fdf8782e53db20768a5',
  },
  responses: {
    200: { description: 'Connected.', schema: integration, example: exampleIntegration },
    ...problemResponses(...CONNECT_PROBLEMS),
  },
});

export const connectHubspot = defineOperation({
  operationId: 'connectHubspot',
  method: 'PUT',
  path: `${PATH}/hubspot`,
  summary: 'Connect HubSpot',
  description: `Takes the access token of a private app with the scope \`crm.objects.contacts.read\`; with \`crm.objects.owners.read\`, contacts have the names of their owners. ${CHECKED} Replaces the connection there is. For owners and admins.`,
  tags,
  auth: 'user',
  body: z.strictObject({ token }).meta({ id: 'ConnectHubspotRequest' }),
  bodyExample: { token: 'pat-eu1-<token>' },
  responses: {
    200: {
      description: 'Connected.',
      schema: integration,
      example: { ...exampleIntegration, provider: 'hubspot', settings: {} },
    },
    ...problemResponses(...CONNECT_PROBLEMS),
  },
});

export const connectWebhook = defineOperation({
  operationId: 'connectWebhook',
  method: 'PUT',
  path: `${PATH}/webhook`,
  summary: 'Connect a system of your own',
  description:
    'Registers the address that receives documents to publish. Requests are signed by Standard Webhooks: verify `webhook-signature` with the secret of this response. Each call replaces the address and creates a new secret. For owners and admins.',
  tags,
  auth: 'user',
  body: z
    .strictObject({
      url: z
        .url()
        .max(500)
        .describe(
          'An https address on the public internet, without credentials. Redirects are not followed.',
        ),
    })
    .meta({ id: 'ConnectWebhookRequest' }),
  bodyExample: { url: exampleWebhook.settings.url },
  responses: {
    200: {
      description: 'Connected, with the secret that verifies signatures.',
      schema: z
        .object({ ...integrationShape, secret: z.string().describe('Shown only in this response.') })
        .meta({ id: 'WebhookIntegration' }),
      example: { ...exampleWebhook, secret: 'whsec_<Base64>' },
    },
    ...problemResponses(...CONNECT_PROBLEMS),
  },
});

export const disconnectIntegration = defineOperation({
  operationId: 'disconnectIntegration',
  method: 'DELETE',
  path: `${PATH}/{provider}`,
  summary: 'Disconnect an integration',
  description:
    'Deletes its token or secret. Pages that were published stay at the provider, and publications under way fail. For owners and admins.',
  tags,
  auth: 'user',
  params,
  responses: { 204: { description: 'Disconnected.' }, ...problemResponses(...MANAGER_PROBLEMS, 'not_found') },
});

export const checkIntegration = defineOperation({
  operationId: 'checkIntegration',
  method: 'POST',
  path: `${PATH}/{provider}/check`,
  summary: 'Check an integration',
  description:
    'Asks Notion for the parent page and HubSpot for a contact; a webhook receives a signed request of the type `integration.check`. The answer has the result in `status` and `last_error`. For owners and admins.',
  tags,
  auth: 'user',
  params,
  responses: {
    200: {
      description: 'The integration after the check.',
      schema: integration,
      example: exampleIntegration,
    },
    ...problemResponses(...MANAGER_PROBLEMS, 'feature_not_in_plan', 'not_found'),
  },
});

const publication = z
  .object({
    provider: z.enum(PUBLICATION_PROVIDERS),
    status: z
      .enum(['publishing', 'published', 'failed'])
      .describe(
        'Of the last request to publish. After `failed`, what was published before may still be there.',
      ),
    url: z.string().nullable().describe('The page, once there is one.'),
    published_at: instant.nullable().describe('When the document was published there last.'),
    published_version: z.int().nullable().describe('Which version of the document.'),
    requested_at: instant,
    error: z
      .object({
        code: z
          .string()
          .describe(
            '`credentials_rejected`, `refused`, `unavailable`, `outcome_unknown`, `not_connected` or `not_in_plan`.',
          ),
        detail: z.string(),
      })
      .nullable(),
  })
  .meta({ id: 'DocumentPublication' });
export type PublicationView = z.input<typeof publication>;

const examplePublication: PublicationView = {
  provider: 'notion',
  status: 'published',
  url: 'https://www.notion.so/Fountain-pens-a-practical-guide-1b2c3d4e5f6071829304a5b6c7d8e9f0',
  published_at: '2026-11-20T12:05:02.000Z',
  published_version: 1,
  requested_at: '2026-11-20T12:05:00.000Z',
  error: null,
};

const documentParams = z.object({ id: z.uuid() });

export const publishDocument = defineOperation({
  operationId: 'publishDocument',
  method: 'POST',
  path: '/api/documents/{id}/publish',
  headers: idempotencyHeaders,
  summary: 'Publish a document to an external system',
  description: [
    'Its newest version, as a job: `GET /api/documents/{id}/publications` shows `published` with the `url`, or `failed`',
    'with the reason. The first publication creates a page; a later one replaces the content of the same page.',
    'Notion gets headings, paragraphs, lists, quotes, code, tables and images as blocks. A webhook gets the document as',
    'JSON, signed, and answers 2xx, with the page as `{"url": "https://…", "id": "…"}` if it has one; 429 and 5xx are',
    'repeated under the same `webhook-id`.',
  ].join(' '),
  tags,
  auth: 'user',
  scope: 'generate',
  params: documentParams,
  body: z.strictObject({ provider: z.enum(PUBLICATION_PROVIDERS) }).meta({ id: 'PublishDocumentRequest' }),
  bodyExample: { provider: 'notion' },
  responses: {
    202: {
      description: 'The publication, which follows.',
      schema: publication,
      example: {
        ...examplePublication,
        status: 'publishing',
        url: null,
        published_at: null,
        published_version: null,
      },
    },
    ...problemResponses(...USER_PROBLEMS, 'feature_not_in_plan', 'not_found', 'conflict', 'body_too_large'),
  },
});

export const listPublications = defineOperation({
  operationId: 'listPublications',
  method: 'GET',
  path: '/api/documents/{id}/publications',
  summary: 'Where a document was published',
  tags,
  auth: 'user',
  scope: 'generate',
  params: documentParams,
  responses: {
    200: {
      description: 'One entry for each provider that it was published to.',
      schema: list(publication).meta({ id: 'DocumentPublications' }),
      example: { data: [examplePublication], next_cursor: null },
    },
    ...problemResponses(...USER_PROBLEMS, 'not_found'),
  },
});

const contact = z
  .object({
    id: z.string(),
    name: z.string().nullable(),
    email: z.string().nullable(),
    company: z.string().nullable(),
    stage: z.string().nullable().describe('The lifecycle stage, such as `lead` or `customer`.'),
    owner: z
      .string()
      .nullable()
      .describe('The name of the owner, or the id if the token cannot read owners.'),
    last_contact_at: instant.nullable(),
  })
  .meta({ id: 'CrmContact' });
export type ContactView = z.input<typeof contact>;

const searchText = z
  .string()
  .trim()
  .min(1)
  .max(200)
  .regex(new RegExp(`^[^${CONTROLS}]+$`), 'must be one line of text')
  .refine(isStorable, 'must be text');

export const searchContacts = defineOperation({
  operationId: 'searchContacts',
  method: 'GET',
  path: '/api/crm/contacts',
  summary: 'Find contacts in the CRM',
  description:
    'By address or by a text in name, address, telephone number or company: set either `email` or `query`. Contacts are read from HubSpot for each request, and not stored.',
  tags,
  auth: 'user',
  querystring: z.object({
    email: z.email().max(254).optional(),
    query: searchText.optional(),
    limit: z.coerce.number().int().min(1).max(MAX_CONTACTS).default(10),
  }),
  responses: {
    200: {
      description: 'At most `limit` contacts, as HubSpot ranks them.',
      schema: list(contact).meta({ id: 'CrmContacts' }),
      example: {
        data: [
          {
            id: '512',
            name: 'Ada Lovelace',
            email: 'ada@example.com',
            company: 'Analytical Engines',
            stage: 'customer',
            owner: 'Grace Hopper',
            last_contact_at: '2026-11-12T09:30:00.000Z',
          },
        ],
        next_cursor: null,
      },
    },
    ...problemResponses(...USER_PROBLEMS, 'feature_not_in_plan', 'conflict'),
  },
});

export const INTEGRATION_OPERATIONS = [
  listIntegrations,
  connectNotion,
  connectHubspot,
  connectWebhook,
  disconnectIntegration,
  checkIntegration,
  publishDocument,
  listPublications,
  searchContacts,
] as const;
