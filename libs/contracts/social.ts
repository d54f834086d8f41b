/** Social connections and posts, as requests and responses show them. */

import { z } from 'zod';
import { instant } from './envelope.ts';
import { CONTROLS, isStorable } from './storable-text.ts';

export const SOCIAL_PLATFORMS = [
  'twitter',
  'instagram',
  'facebook',
  'linkedin',
  'tiktok',
  'youtube',
  'pinterest',
] as const;
export type SocialPlatform = (typeof SOCIAL_PLATFORMS)[number];

export const POST_STATES = ['draft', 'scheduled', 'published', 'failed', 'unknown'] as const;
export type PostState = (typeof POST_STATES)[number];

const MAX_TEXT = 10_000;
export const MAX_POSTS_AT_ONCE = 50;

const noControls = new RegExp(`^[^${CONTROLS}]+$`);

export const connectRequest = z
  .strictObject({
    platform: z.enum(SOCIAL_PLATFORMS),
    handle: z
      .string()
      .trim()
      .transform((handle) => handle.replace(/^@/, ''))
      .pipe(z.string().min(1).max(100).regex(noControls).refine(isStorable))
      .describe('The account name at the network, with or without `@`.'),
    credentials: z
      .string()
      .min(1)
      .max(4096)
      .describe(
        'Credentials that the publisher needs to post there. Passed to the publisher, never stored or shown.',
      ),
  })
  .meta({ id: 'ConnectRequest' });

export const socialConnection = z
  .object({ id: z.uuid(), platform: z.string(), handle: z.string(), created_at: instant })
  .meta({ id: 'SocialConnection' });
export type SocialConnectionView = z.infer<typeof socialConnection>;

const postFields = {
  connection_id: z.uuid().describe('The connection through which the post is published.'),
  text: z.string().min(1).max(MAX_TEXT).refine(isStorable, 'must be text without NUL'),
};
const futureInstant = z.iso
  .datetime({ offset: true })
  .describe('Time of publication; must be in the future.');

const isScheduleValid = ({ action, scheduled_at }: { action: string; scheduled_at?: string | undefined }) =>
  (action === 'schedule') === (scheduled_at !== undefined);
const SCHEDULE_ERROR = {
  error: 'is required with `action: schedule` and not allowed otherwise',
  path: ['scheduled_at'],
};

export const newPost = z
  .strictObject({
    ...postFields,
    action: z
      .enum(['draft', 'schedule', 'publish'])
      .default('draft')
      .describe(
        '`draft` saves the post, `schedule` publishes it at `scheduled_at`, `publish` publishes it now.',
      ),
    scheduled_at: futureInstant.optional(),
  })
  .refine(isScheduleValid, SCHEDULE_ERROR)
  .meta({ id: 'NewPost' });
export type NewPost = z.output<typeof newPost>;

export const newPosts = z
  .strictObject({ posts: z.array(newPost).min(1).max(MAX_POSTS_AT_ONCE) })
  .meta({ id: 'NewPosts' });

export const publishPostRequest = z
  .strictObject({ scheduled_at: futureInstant.optional().describe('The default is now.') })
  .meta({ id: 'PublishPostRequest' });

/** Postgres integers; no post has more. */
const figure = z.int().min(0).max(2_147_483_647);

export const postResults = z
  .strictObject({
    impressions: figure.describe('How often it was shown.'),
    engagements: figure.describe('Likes, comments and shares.'),
    clicks: figure.describe('On its links.'),
  })
  .meta({ id: 'SocialPostResults' });

export const socialPost = z
  .object({
    id: z.uuid(),
    connection_id: z.uuid(),
    text: z.string(),
    state: z
      .enum(POST_STATES)
      .describe('`unknown`: publishing was attempted without a confirmation, and is not repeated.'),
    scheduled_at: instant.nullable(),
    published_at: instant.nullable(),
    url: z.string().nullable().describe('Address of the published post.'),
    failure: z
      .object({ code: z.string(), detail: z.string() })
      .nullable()
      .describe(
        'Why the post is `failed` or `unknown`. A failed post does not count against limits; an unknown one does.',
      ),
    autopilot_run_id: z.uuid().nullable().describe('The run of an autopilot that wrote it.'),
    results: postResults.nullable().describe('As they were reported last.'),
    created_at: instant,
    updated_at: instant.describe('When the state was changed last.'),
  })
  .meta({ id: 'SocialPost' });
export type SocialPostView = z.infer<typeof socialPost>;
