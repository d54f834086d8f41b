/** Autopilots and their runs, as requests and responses show them. */
import { z } from 'zod';
import { AUTOPILOT_STATUSES, PAUSE_REASONS, RUN_STATUSES } from './autopilot-kinds.ts';
import { isCron, isTimeZone, nextOccurrence, runsPerDay } from './cron.ts';
import { count, instant } from './envelope.ts';
import { NETWORKS } from './generate.ts';
import { displayName } from './identity.ts';
import { isStorable } from './storable-text.ts';

/** Of any schedule. The daily posts of a plan are usually fewer. */
const MAX_RUNS_PER_DAY = 24;

const phrase = (max: number) => z.string().trim().min(1).max(max).refine(isStorable, 'must be text');
const unique = <T>(values: readonly T[]) => new Set(values).size === values.length;

const schedule = z
  .strictObject({
    cron: z
      .string()
      .max(100)
      .refine(isCron, 'must be a cron expression of five fields, such as 0 9 * * mon-fri')
      .refine(
        (cron) => !isCron(cron) || runsPerDay(cron) <= MAX_RUNS_PER_DAY,
        `must run at most ${MAX_RUNS_PER_DAY} times a day`,
      )
      .refine(
        (cron) => !isCron(cron) || nextOccurrence({ cron, time_zone: 'UTC' }, new Date(0)) !== null,
        'must name a day that exists',
      )
      .describe('Minute, hour, day of the month, month, day of the week; names such as `mon` are allowed.'),
    time_zone: z
      .string()
      .max(60)
      .refine(isTimeZone, 'must be a time zone such as Europe/Berlin')
      .default('UTC')
      .describe('A name of the IANA database, such as `Europe/Berlin`.'),
  })
  .meta({ id: 'AutopilotSchedule' });

const topics = z
  .array(phrase(300))
  .min(1)
  .max(50)
  .refine(unique, 'must not repeat a topic')
  .describe('One topic for each run, in turn.');
const contentPlanId = z
  .uuid()
  .describe(
    'A document of the type `content_plan`, instead of topics: one entry for each run, in the order of the plan. After the last entry the autopilot is `finished`.',
  );

const settings = {
  name: displayName,
  networks: z
    .array(z.enum(NETWORKS))
    .min(1)
    .max(NETWORKS.length)
    .refine(unique, 'must not repeat a network')
    .describe('Each run writes one post for each.'),
  connection_ids: z
    .array(z.uuid())
    .max(NETWORKS.length)
    .refine(unique, 'must not repeat a connection')
    .describe(
      'The connections to post through, at most one for each network. For other networks, the connection that was made first.',
    ),
  language: z.string().trim().min(2).max(35).nullable().describe('Null: that of the topic.'),
  tone: phrase(100).nullable(),
  brand_voice: z
    .union([z.literal('none'), z.uuid()])
    .nullable()
    .describe('A brand voice, or `none`; null: the default voice of the workspace.'),
  schedule,
  research: z
    .boolean()
    .describe('Searches the web before it writes. Requires the feature `autopilot_research`.'),
  ads: z
    .boolean()
    .describe('Also writes ads for the topic, as a document. Requires the feature `autopilot_ads`.'),
  learn: z
    .boolean()
    .describe(
      'Learns from `POST /api/social/posts/{id}/results`: reads its best and weakest posts before it writes, and takes topics with better results more often. Requires the feature `enhanced_autopilot`.',
    ),
  auto_post: z
    .boolean()
    .describe(
      'Publishes its posts at once through the connections. Requires the feature `auto_post`. Otherwise they are drafts to review.',
    ),
};

export const newAutopilot = z
  .strictObject({
    ...settings,
    topics: topics.optional(),
    content_plan_id: contentPlanId.optional(),
    connection_ids: settings.connection_ids.default([]),
    language: settings.language.default(null),
    tone: settings.tone.default(null),
    brand_voice: settings.brand_voice.default(null),
    research: settings.research.default(false),
    ads: settings.ads.default(false),
    learn: settings.learn.default(false),
    auto_post: settings.auto_post.default(false),
  })
  .refine((body) => (body.topics === undefined) !== (body.content_plan_id === undefined), {
    path: ['topics'],
    message: 'Give either topics or a content_plan_id',
  })
  .meta({ id: 'NewAutopilot' });
export type NewAutopilot = z.output<typeof newAutopilot>;

export const autopilotChanges = z
  .strictObject({
    ...Object.fromEntries(Object.entries(settings).map(([name, field]) => [name, field.optional()])),
    topics: topics.optional(),
    content_plan_id: contentPlanId.optional(),
  } as { [Name in keyof typeof settings]: z.ZodOptional<(typeof settings)[Name]> } & {
    topics: z.ZodOptional<typeof topics>;
    content_plan_id: z.ZodOptional<typeof contentPlanId>;
  })
  .refine((body) => body.topics === undefined || body.content_plan_id === undefined, {
    path: ['topics'],
    message: 'Give either topics or a content_plan_id',
  })
  .meta({ id: 'AutopilotChanges' });
export type AutopilotChanges = z.output<typeof autopilotChanges>;

export const autopilot = z
  .object({
    id: z.uuid(),
    ...settings,
    topics: topics.nullable(),
    content_plan_id: z.uuid().nullable(),
    status: z.enum(AUTOPILOT_STATUSES),
    pause_reason: z
      .enum(PAUSE_REASONS)
      .nullable()
      .describe(
        '`repeated_failures`: three runs in a row did not complete. `creator_removed`: the user, API key or workspace that it runs for has been removed; the user who resumes it takes it over.',
      ),
    next_run_at: instant.nullable().describe('Null while it is not active.'),
    consecutive_failures: count,
    created_at: instant,
    updated_at: instant,
  })
  .meta({ id: 'Autopilot' });
export type AutopilotView = z.input<typeof autopilot>;

const topicFigures = z.object({
  topic: z.string(),
  runs: count.describe('Of the latest runs.'),
  impressions: count,
  reactions: count.describe('Engagements and clicks.'),
  weight: z.number().describe('How often it is chosen in relation to an average topic: from 0.25 to 4.'),
});

export const topicChoice = z
  .object({
    reason: z.string(),
    content_plan_id: z.uuid().optional(),
    topics: z.array(topicFigures).optional().describe('With `learn`: what the choice was made from.'),
    best_posts: z.array(z.uuid()).optional().describe('With `learn`: posts that the model read as examples.'),
    weakest_posts: z.array(z.uuid()).optional(),
  })
  .meta({ id: 'AutopilotChoice' });
export type TopicChoice = z.infer<typeof topicChoice>;

/** What becomes of the post of a network. */
export const runPost = z
  .object({
    network: z.enum(NETWORKS),
    connection_id: z
      .uuid()
      .nullable()
      .describe('Null without a connection: the post is in the document only.'),
    post_id: z.uuid().nullable().describe('For `GET /api/social/posts/{id}`; null until it is created.'),
  })
  .meta({ id: 'AutopilotRunPost' });
export type RunPost = z.infer<typeof runPost>;

export const autopilotRun = z
  .object({
    id: z.uuid(),
    status: z
      .enum(RUN_STATUSES)
      .describe(
        '`refused`: a limit, a missing feature or an emergency stop refused it before anything was written; `problem` says which.',
      ),
    scheduled_for: instant,
    topic: z.string(),
    choice: topicChoice.describe('Why this topic was chosen.'),
    generation_id: z.uuid().nullable().describe('Its content job, for `GET /api/generations/{id}`.'),
    posts: z.array(runPost),
    problem: z
      .looseObject({ code: z.string(), detail: z.string() })
      .nullable()
      .describe('Why it was refused or has failed, or why a part of a completed one is missing.'),
    created_at: instant,
    finished_at: instant.nullable(),
  })
  .meta({ id: 'AutopilotRun' });
export type AutopilotRunView = z.input<typeof autopilotRun>;
