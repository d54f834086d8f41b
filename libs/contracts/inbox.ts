/** `/api/inbox/messages`: messages from networks, with replies that are drafted for them. */
import { z } from 'zod';
import { INTENTS, MESSAGE_STATUSES, MESSAGE_URGENCIES, SENTIMENTS } from './autopilot-kinds.ts';
import { count, instant } from './envelope.ts';
import { NETWORKS } from './generate.ts';
import { ACCEPTED, CONTENT_PROBLEMS, CONTENT_REQUIREMENTS, contentHeaders } from './generations.ts';
import { idempotencyHeaders } from './idempotency-key.ts';
import { defineOperation } from './operation.ts';
import { page, pageQuery, timeRange } from './page.ts';
import { problemResponses, USER_PROBLEMS } from './problem-responses.ts';
import type { Requirement } from './requirements.ts';
import { isStorable } from './storable-text.ts';

const DRAFT_STATUSES = ['running', 'completed', 'failed'] as const;

const text = (max: number) => z.string().trim().min(1).max(max).refine(isStorable, 'must be text');
const MAX_TEXT = 8_000;

const author = z
  .strictObject({
    name: text(200),
    handle: text(200).nullable().default(null),
    email: z.email().max(320).nullable().default(null),
  })
  .meta({ id: 'MessageAuthor' });

const newMessage = z
  .strictObject({
    network: z.enum(NETWORKS),
    external_id: text(200).describe(
      "The network's id of the message. A message of the same network and id is stored once: sending it again returns it as it is.",
    ),
    author,
    text: text(MAX_TEXT),
    received_at: z.iso.datetime({ offset: true }),
  })
  .meta({ id: 'NewInboxMessage' });
export type NewInboxMessage = z.output<typeof newMessage>;

const draftReply = z.object({ text: z.string(), characters: count, max_characters: count });

export const inboxMessage = z
  .object({
    id: z.uuid(),
    network: z.enum(NETWORKS),
    external_id: z.string(),
    author: z.object({ name: z.string(), handle: z.string().nullable(), email: z.string().nullable() }),
    text: z.string(),
    received_at: instant,
    status: z.enum(MESSAGE_STATUSES),
    draft: z
      .object({
        generation_id: z.uuid().describe('The content job, for `GET /api/generations/{id}`.'),
        status: z.enum(DRAFT_STATUSES),
        intent: z.enum(INTENTS).nullable(),
        sentiment: z.enum(SENTIMENTS).nullable(),
        urgency: z.enum(MESSAGE_URGENCIES).nullable(),
        summary: z.string().nullable(),
        replies: z.array(draftReply).describe('One to three, within the limit of the network.'),
      })
      .nullable()
      .describe('The latest draft; null without one. What it found is null until it is completed.'),
    reply: z.string().nullable().describe('The reply that was chosen.'),
    answered_at: instant.nullable(),
    created_at: instant,
    updated_at: instant,
  })
  .meta({ id: 'InboxMessage' });
export type InboxMessageView = z.input<typeof inboxMessage>;

const messageChanges = z
  .strictObject({
    status: z.enum(MESSAGE_STATUSES),
    reply: text(MAX_TEXT)
      .optional()
      .describe('The reply that was sent. Required with `answered`, and only then.'),
  })
  .refine(({ status, reply }) => (status === 'answered') === (reply !== undefined), {
    path: ['reply'],
    message: 'is required with the status answered, and not allowed otherwise',
  })
  .meta({ id: 'InboxMessageChanges' });

/** Drafting is what the feature sells; messages are data for it. */
const REQUIRES_INBOX = { kind: 'feature', feature: 'ai_inbox', without: null } as const satisfies Requirement;

const PATH = '/api/inbox/messages';
const tags = ['Inbox'];
const params = z.object({ id: z.uuid() });

const example: InboxMessageView = {
  id: '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1f00',
  network: 'instagram',
  external_id: '17895695668004550',
  author: { name: 'Grace', handle: 'grace.writes', email: null },
  text: 'Does the blue ink survive a rainy day?',
  received_at: '2026-11-27T11:58:00.000Z',
  status: 'open',
  draft: {
    generation_id: '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d90',
    status: 'completed',
    intent: 'question',
    sentiment: 'neutral',
    urgency: 'normal',
    summary: 'Asks whether the blue ink is waterproof.',
    replies: [
      {
        text: 'Good question, Grace! We will check how this ink does in the rain and tell you here.',
        characters: 85,
        max_characters: 1_000,
      },
    ],
  },
  reply: null,
  answered_at: null,
  created_at: '2026-11-27T12:00:00.000Z',
  updated_at: '2026-11-27T12:00:08.000Z',
};

const ok = (description: string) => ({ description, schema: inboxMessage, example });
const shared = { tags, auth: 'user', scope: 'generate' } as const;

export const createInboxMessage = defineOperation({
  ...shared,
  operationId: 'createInboxMessage',
  method: 'POST',
  path: PATH,
  headers: idempotencyHeaders,
  summary: 'Add a message to the inbox',
  description: 'By a frontend or partner that receives it from the network. Requires the feature `ai_inbox`.',
  body: newMessage,
  bodyExample: {
    network: example.network,
    external_id: example.external_id,
    author: { name: 'Grace', handle: 'grace.writes' },
    text: example.text,
    received_at: example.received_at,
  },
  responses: {
    200: ok('The message was there already.'),
    201: ok('The message.'),
    ...problemResponses(...USER_PROBLEMS, 'feature_not_in_plan', 'metering_unavailable'),
  },
});

export const listInboxMessages = defineOperation({
  ...shared,
  operationId: 'listInboxMessages',
  method: 'GET',
  path: PATH,
  summary: 'List messages of the inbox',
  querystring: pageQuery.extend({
    status: z.enum(MESSAGE_STATUSES).optional(),
    network: z.enum(NETWORKS).optional(),
    ...timeRange,
  }),
  responses: {
    200: {
      description:
        'One page of messages, the last that was added first. `from` and `to` filter by `received_at`.',
      schema: page(inboxMessage).meta({ id: 'InboxMessagePage' }),
      example: { data: [example], next_cursor: null },
    },
    ...problemResponses(...USER_PROBLEMS),
  },
});

export const getInboxMessage = defineOperation({
  ...shared,
  operationId: 'getInboxMessage',
  method: 'GET',
  path: `${PATH}/{id}`,
  summary: 'Get a message of the inbox',
  params,
  responses: { 200: ok('The message.'), ...problemResponses(...USER_PROBLEMS, 'not_found') },
});

export const updateInboxMessage = defineOperation({
  ...shared,
  operationId: 'updateInboxMessage',
  method: 'PATCH',
  path: `${PATH}/{id}`,
  summary: 'Record what became of a message',
  description:
    'Nothing is sent to the network: the frontend or partner that has the message sends the reply.',
  params,
  body: messageChanges,
  bodyExample: { status: 'answered', reply: example.draft?.replies[0]?.text ?? '' },
  responses: { 200: ok('The message.'), ...problemResponses(...USER_PROBLEMS, 'not_found') },
});

export const deleteInboxMessage = defineOperation({
  ...shared,
  operationId: 'deleteInboxMessage',
  method: 'DELETE',
  path: `${PATH}/{id}`,
  summary: 'Delete a message with the jobs and documents of its drafts',
  params,
  responses: {
    204: { description: 'Deleted.' },
    ...problemResponses(...USER_PROBLEMS, 'not_found', 'conflict'),
  },
});

export const draftInboxReply = defineOperation({
  ...shared,
  operationId: 'draftInboxReply',
  method: 'POST',
  path: `${PATH}/{id}/draft`,
  headers: contentHeaders,
  summary: 'Draft replies to a message',
  description: [
    'A content job of the type `reply`, metered like `POST /api/generations`: it classifies the message and writes one to',
    'three replies in its language, within the limit of its network. The message is data: instructions in it are not',
    'followed. The result is the `draft` of the message.',
  ].join(' '),
  requirements: [REQUIRES_INBOX, ...CONTENT_REQUIREMENTS],
  params,
  body: z
    .strictObject({
      tone: z.string().trim().min(1).max(100).optional(),
      brand_voice: z
        .union([z.literal('none'), z.uuid()])
        .optional()
        .describe('A brand voice, or `none`; the default voice of the workspace if absent.'),
      model: z.string().trim().min(1).max(200).optional(),
    })
    .meta({ id: 'DraftInboxReplyRequest' }),
  bodyExample: { tone: 'friendly' },
  responses: { 202: ACCEPTED, ...problemResponses(...CONTENT_PROBLEMS) },
});

export const INBOX_OPERATIONS = [
  createInboxMessage,
  listInboxMessages,
  getInboxMessage,
  updateInboxMessage,
  deleteInboxMessage,
] as const;

/** `GET /internal/v1/inbox/messages/{id}`: what the gateway plans a draft from. */
export const INBOX_MESSAGE_ROUTE = '/internal/v1/inbox/messages/:id';
export const inboxMessagePath = (id: string): string => `/internal/v1/inbox/messages/${id}`;
export const messageToAnswer = z.object({
  network: z.enum(NETWORKS),
  text: z.string(),
  author: z.string(),
  contact: z.string().nullable(),
});
export type MessageToAnswer = z.infer<typeof messageToAnswer>;
