/** The request of `POST /api/generate` and `POST /api/generations`: what to write, from what, and how. */
import { z } from 'zod';
import { VOICES } from './audio.ts';
import { MAX_SOURCES } from './search.ts';

export const CONTENT_TYPES = [
  'blog',
  'social',
  'audio',
  'video',
  'newsletter',
  'seo',
  'content_plan',
  'image_prompts',
  'transcript',
  'insights',
  'ads',
  'reply',
] as const;
export type ContentType = (typeof CONTENT_TYPES)[number];
const DEFAULT_TYPES = ['blog'] as const satisfies readonly ContentType[];

/** What is made from the text of a content type, as a part of its own: the text is delivered even if it fails. */
export const MEDIA_PARTS = ['hero_image', 'voice_over'] as const;
export type MediaPart = (typeof MEDIA_PARTS)[number];

/** A pipeline from a recording to everything that is published from it, and the part with all of it in one document. */
export const CONTENT_KIT = 'content_kit';
/** What a content kit consists of, in the order in which it is written. */
export const CONTENT_KIT_TYPES = [
  'transcript',
  'insights',
  'blog',
  'social',
  'image_prompts',
] as const satisfies readonly ContentType[];

export const PARTS = [...CONTENT_TYPES, ...MEDIA_PARTS, CONTENT_KIT] as const;
export type Part = (typeof PARTS)[number];

/** Social networks that posts are written for. */
export const NETWORKS = ['linkedin', 'x', 'facebook', 'instagram', 'threads'] as const;
export type Network = (typeof NETWORKS)[number];

/** Where ads are shown. */
export const AD_NETWORKS = ['google', 'meta', 'linkedin', 'x'] as const;
export type AdNetwork = (typeof AD_NETWORKS)[number];

export const LENGTHS = ['short', 'medium', 'long'] as const;
export const MIN_WORDS = 150;
export const MAX_WORDS = 3_000;
export const MAX_VARIANTS = 3;
/** Of a source text, in characters. */
const MAX_SOURCE_LENGTH = 40_000;

const phrase = (max: number) => z.string().trim().min(1).max(max);

/** Shorter articles are written in one call, without an outline. */
export const OUTLINED_WORDS = 400;
export const MAX_SECTIONS = 12;

type Length = (typeof LENGTHS)[number] | number;

function isOutlined(length: Length): boolean {
  return typeof length === 'number' ? length >= OUTLINED_WORDS : length !== 'short';
}

/** Whether there will be an outline to approve, if that is what the request asks for. */
function hasOutline(request: {
  outline_approval?: boolean | undefined;
  content_types: readonly ContentType[];
  length: Length;
}): boolean {
  const { outline_approval: isAsked, content_types: types, length } = request;
  return isAsked !== true || (isOutlined(length) && types.includes('blog'));
}

/** Whether something of the request has alternatives, if that is what it asks for. */
function hasVariants(request: {
  variants?: number | undefined;
  content_types: readonly ContentType[];
  length: Length;
}): boolean {
  const { variants, content_types: types } = request;
  const isShort = types.some((type) => ['social', 'audio', 'video', 'newsletter', 'ads'].includes(type));
  return variants === undefined || isShort || hasOutline({ ...request, outline_approval: true });
}

/** The outline of an article. */
export const articleOutline = z
  .strictObject({
    title: phrase(120),
    sections: z
      .array(z.strictObject({ heading: phrase(200), points: z.array(phrase(300)).max(10).default([]) }))
      .min(1)
      .max(MAX_SECTIONS),
  })
  .meta({ id: 'ArticleOutline' });
export type ArticleOutline = z.output<typeof articleOutline>;

/** The default, or what a pipeline has replaced it with: requests are parsed by the gateway and by generation. */
function isReplaceable(types: readonly ContentType[]): boolean {
  return [DEFAULT_TYPES, CONTENT_KIT_TYPES].some((list) => list.join() === types.join());
}

/** Options that mean nothing without another. */
const DEPENDENT_FIELDS = [
  ['research_full_text', 'research'],
  ['research_all_providers', 'research'],
  ['max_sources', 'research'],
  ['kb_file_ids', 'use_knowledge_base'],
  ['prompt_version', 'prompt_id'],
  ['prompt_variables', 'prompt_id'],
] as const;

/** What to write from, instead of a topic or in addition to it: at most one of them. */
const SOURCE_FIELDS = ['text', 'url', 'document_id', 'generation_id', 'recording_id'] as const;

export const generateRequest = z
  .strictObject({
    topic: phrase(500).optional().describe('What to write about.'),
    text: phrase(MAX_SOURCE_LENGTH).optional().describe('A text to write from, such as an article.'),
    url: z
      .url({ protocol: /^https?$/ })
      .max(2_000)
      .optional()
      .describe('A page on the public internet to write from. It is read once, before anything is held.'),
    document_id: z.uuid().optional().describe('A document of the account to write from.'),
    generation_id: z
      .uuid()
      .optional()
      .describe('A job of the account whose article is what to write from, such as for posts about it.'),
    recording_id: z
      .uuid()
      .optional()
      .describe(
        'A recording of `POST /api/recordings`. It is transcribed first, priced by the second; everything else is written from the insights of its transcript.',
      ),
    content_types: z
      .array(z.enum(CONTENT_TYPES))
      .min(1)
      .max(CONTENT_TYPES.length)
      .refine((types) => new Set(types).size === types.length, 'must not repeat a content type')
      .default([...DEFAULT_TYPES])
      .describe(
        'What to produce. With `blog`, everything else is written from that article; without it, from the text or the topic. `transcript` requires a `recording_id`, and `insights` a source. `reply` answers the message in `text` and stands alone.',
      ),
    pipeline: z
      .literal(CONTENT_KIT)
      .optional()
      .describe(
        'Instead of `content_types`. `content_kit` turns a recording into its transcript, insights, an outline, an article, a post for each of the five networks and image prompts, and adds the part `content_kit`: one document with all of it. Requires a `recording_id` and a `length` of at least 400 words.',
      ),
    length: z
      .union([z.enum(LENGTHS), z.int().min(MIN_WORDS).max(MAX_WORDS)])
      .default('medium')
      .describe('Words of the article: `short` (300), `medium` (800), `long` (1,500) or a number.'),
    tone: phrase(100).optional().describe('For example `friendly` or `expert`.'),
    audience: phrase(200).optional(),
    language: z
      .string()
      .trim()
      .min(2)
      .max(35)
      .optional()
      .describe('A BCP 47 tag or the name of a language; that of the topic or text by default.'),
    keywords: z.array(phrase(60)).max(10).optional().describe('Keywords to use.'),
    avoid_keywords: z.array(phrase(60)).max(10).optional().describe('Words and phrases to avoid.'),
    point_of_view: z.enum(['first_person', 'second_person', 'third_person']).optional(),
    call_to_action: phrase(200).optional().describe('What readers should do at the end.'),
    networks: z
      .array(z.enum(NETWORKS))
      .min(1)
      .max(NETWORKS.length)
      .refine((networks) => new Set(networks).size === networks.length, 'must not repeat a network')
      .optional()
      .describe(
        'For `social`: one post for each; LinkedIn and X by default, and all of them with `insights` or a `recording_id`. For `reply`: the one that the message came from, whose limit the replies keep.',
      ),
    ad_networks: z
      .array(z.enum(AD_NETWORKS))
      .min(1)
      .max(AD_NETWORKS.length)
      .refine((networks) => new Set(networks).size === networks.length, 'must not repeat a network')
      .optional()
      .describe('For `ads`: where the ads are shown; everywhere by default.'),
    variants: z
      .int()
      .min(2)
      .max(MAX_VARIANTS)
      .optional()
      .describe(
        'Alternatives to choose from, in the same document: of the posts, of the title of an article of at least 400 words, of the hook of a script and of the subject of a newsletter. Each set of posts counts once. Ads have two variants by default.',
      ),
    horizon_days: z
      .int()
      .min(3)
      .max(365)
      .optional()
      .describe('For `content_plan`: days to plan, at most the horizon of the plan; 30 by default.'),
    research: z
      .boolean()
      .optional()
      .describe(
        'Searches the web first. Claims name their sources, and articles list them. Each search is a call of the plan. A provider that fails is replaced by the next one; if none answers, the job fails before anything is written, and can be retried.',
      ),
    research_full_text: z
      .boolean()
      .optional()
      .describe('Reads the texts of the pages instead of summaries. Requires `research`.'),
    research_all_providers: z
      .boolean()
      .optional()
      .describe('Asks every search provider of the plan. Requires `research`.'),
    max_sources: z
      .int()
      .min(1)
      .max(MAX_SOURCES)
      .optional()
      .describe('Pages that research reads at most; 5 by default. Requires `research`.'),
    use_knowledge_base: z
      .boolean()
      .optional()
      .describe('Writes from the passages of the knowledge base that match the topic, and cites them.'),
    kb_file_ids: z
      .array(z.uuid())
      .min(1)
      .max(20)
      .optional()
      .describe('The files of the knowledge base to use; all by default. Requires `use_knowledge_base`.'),
    brand_voice: z
      .union([z.literal('none'), z.uuid()])
      .optional()
      .describe('A brand voice, or `none`; the default voice of the workspace if absent.'),
    prompt_id: z.uuid().optional().describe('A custom prompt that the content follows.'),
    prompt_version: z.int().min(1).optional().describe('The newest by default. Requires `prompt_id`.'),
    prompt_variables: z
      .record(z.string().max(50), z.string().max(2_000))
      .optional()
      .describe('Values of the variables of the prompt. Requires `prompt_id`.'),
    outline_approval: z
      .boolean()
      .optional()
      .describe(
        'For `POST /api/generations`: the job waits with the status `needs_approval` when the outline of the article is written. For articles of at least 400 words.',
      ),
    hero_image: z
      .boolean()
      .optional()
      .describe(
        'Draws an image for the article and describes it: the part `hero_image`, whose document has a `media_id` for `GET /api/media/{id}`. Requires `blog`.',
      ),
    voice_over: z
      .enum(VOICES)
      .optional()
      .describe(
        'A voice that speaks the audio script: the part `voice_over`, whose document has a `media_id` for `GET /api/media/{id}`, an MP3. Requires `audio`.',
      ),
    model: phrase(200)
      .optional()
      .describe(
        'A model of the plan for every step. Absent or `auto`: the models of the plan by role, within what its limits admit, and others if a provider fails.',
      ),
    fit_budget: z
      .boolean()
      .optional()
      .describe('Shortens the article to what the limits allow, instead of a refusal.'),
    allow_degraded: z.boolean().optional(),
  })
  .refine(({ pipeline, content_types: types }) => pipeline === undefined || isReplaceable(types), {
    path: ['content_types'],
    message: 'Leave out content_types with a pipeline',
  })
  .overwrite((request) =>
    request.pipeline === undefined ? request : { ...request, content_types: [...CONTENT_KIT_TYPES] },
  )
  .refine((request) => request.topic ?? SOURCE_FIELDS.some((field) => request[field] !== undefined), {
    path: ['topic'],
    message: 'Give a topic, a text, a url, a document_id, a generation_id or a recording_id',
  })
  .refine((request) => SOURCE_FIELDS.filter((field) => request[field] !== undefined).length <= 1, {
    path: ['text'],
    message: 'Give only one of text, url, document_id, generation_id and recording_id',
  })
  .refine(hasOutline, {
    path: ['outline_approval'],
    message: `requires a blog of at least ${OUTLINED_WORDS} words`,
  })
  .refine(hasVariants, {
    path: ['variants'],
    message: `requires social, audio, video, newsletter, ads, or a blog of at least ${OUTLINED_WORDS} words`,
  })
  .superRefine((request, { addIssue }) => {
    const { content_types: types, recording_id: recording, topic, kb_file_ids: files } = request;
    const refuse = (path: string, message: string) => addIssue({ code: 'custom', path: [path], message });
    if (types.includes('reply') && (types.length > 1 || request.text === undefined))
      refuse('content_types', 'reply requires the message as text, and no other content type');
    if (types.includes('reply') && (request.networks ?? []).length > 1)
      refuse('networks', 'reply takes the one network of the message');
    if (request.ad_networks !== undefined && !types.includes('ads'))
      refuse('ad_networks', 'requires the content type ads');
    if (request.pipeline !== undefined && !isOutlined(request.length))
      refuse('length', `pipeline requires at least ${OUTLINED_WORDS} words`);
    if (request.pipeline !== undefined && recording === undefined)
      refuse('pipeline', 'requires recording_id');
    else if (types.includes('transcript') && recording === undefined)
      refuse('content_types', 'transcript requires recording_id');
    if (types.includes('insights') && SOURCE_FIELDS.every((field) => request[field] === undefined))
      refuse('content_types', 'insights requires a source, such as recording_id or text');
    // What a recording is about is not known before it is transcribed.
    if (request.use_knowledge_base === true && recording !== undefined && (topic ?? files) === undefined)
      refuse('use_knowledge_base', 'requires a topic or kb_file_ids with a recording_id');
  })
  .superRefine((request, { addIssue }) => {
    const { content_types: types, hero_image: image, voice_over: voice } = request;
    const refuse = (path: MediaPart, message: string) => addIssue({ code: 'custom', path: [path], message });
    if (image === true && !types.includes('blog')) refuse('hero_image', 'requires the content type blog');
    if (voice !== undefined && !types.includes('audio'))
      refuse('voice_over', 'requires the content type audio');
  })
  .superRefine((request, { addIssue }) => {
    for (const [field, needed] of DEPENDENT_FIELDS) {
      if (request[field] === undefined || request[field] === false || request[needed]) continue;
      addIssue({ code: 'custom', path: [field], message: `requires ${needed}` });
    }
  })
  .meta({ id: 'GenerateRequest' });

export type GenerateRequest = z.infer<typeof generateRequest>;
