/** Every content type through the whole system: in three languages on `default`, and on the catalogue that it comes from. */
import t from 'tap';
import { CONTENT_TYPES, type ContentType } from '#libs/contracts/generate.ts';
import { parseSse } from '#libs/http/sse-parser.ts';
import { silence } from '#libs/simulators/audio.ts';
import { type Installation, startInstallation } from './installation.fixture.ts';

// biome-ignore lint/suspicious/noExplicitAny: the fields are what the tests are about
type Content = any;
type Documents = Partial<Record<ContentType, Content>>;

const JOBS = '/api/generations';
/** `ads` is sold by lily below, and `reply` answers a message: `autopilots.test.ts`. */
const WRITTEN = CONTENT_TYPES.filter((type) => !['transcript', 'insights', 'ads', 'reply'].includes(type));

/** Creates a job and waits for its end. @returns it with its documents by content type. */
async function write({ call, url }: Installation, token: string, body: object) {
  const created = await call(JOBS, token, body);
  t.equal(created.status, 202, JSON.stringify(created.body));
  const { id } = created.body;
  const response = await fetch(`${url}${JOBS}/${id}/events`, {
    headers: { authorization: `Bearer ${token}` },
  });
  let last = '';
  for await (const { event } of parseSse(response.body as AsyncIterable<Uint8Array>)) last = event;
  const { body: job } = await call(`${JOBS}/${id}`, token);
  t.equal(last, 'completed', JSON.stringify(job.error));
  const documents: Documents = {};
  for (const { content_type: type, document_id: documentId } of job.parts)
    documents[type as ContentType] = (await call(`/api/documents/${documentId}`, token)).body;
  return { job, documents };
}

/** Stores a recording, and returns its id. */
async function upload({ url }: Installation, token: string, seconds: number): Promise<string> {
  const form = new FormData();
  form.set('file', new File([Uint8Array.from(silence(seconds))], 'talk.wav', { type: 'audio/wav' }));
  const headers = { authorization: `Bearer ${token}` };
  const response = await fetch(`${url}/api/recordings`, { method: 'POST', headers, body: form });
  t.equal(response.status, 201);
  return ((await response.json()) as { id: string }).id;
}

const isText = (value: unknown) => typeof value === 'string' && value.trim().length > 0;

/** What is delivered for each content type. */
const CHECKS: Readonly<Record<ContentType, (content: Content, language: string) => void>> = {
  blog: ({
    title,
    slug,
    meta_description: description,
    keywords,
    outline,
    words,
    reading_minutes: minutes,
    body,
    sources = [],
  }) => {
    t.ok(isText(title));
    t.match(slug, /^[a-z0-9]+(-[a-z0-9]+)*$/, 'diacritics are folded');
    t.ok(
      description.length >= 50 && description.length <= 160,
      `${description.length} characters: ${description}`,
    );
    t.ok(keywords.length >= 3 && keywords.length <= 8, keywords.join());
    const headings = outline.length + 1 + (sources.length > 0 ? 1 : 0);
    t.equal((body.match(/^## /gm) ?? []).length, headings, 'every section, a conclusion, and sources');
    t.ok(words > 400 && minutes === Math.max(1, Math.round(words / 220)));
  },
  social: ({ posts }) => {
    t.strictSame(
      posts.map(({ network }: Content) => network),
      ['linkedin', 'x'],
    );
    for (const { text_with_hashtags: text, hashtags, characters, max_characters: max } of posts) {
      t.ok(characters <= max && text.length > 0);
      t.ok(
        hashtags.every((tag: string) => /^#[\p{L}\p{N}_]+$/u.test(tag)),
        hashtags.join(' '),
      );
      t.equal(new Set(hashtags).size, hashtags.length);
    }
  },
  audio: (content) => checkScript(content, 'cue'),
  video: (content) => checkScript(content, 'visual'),
  newsletter: ({ subject, preheader, sections, call_to_action: action }) => {
    t.ok(isText(subject) && subject.length <= 60, subject);
    t.ok(isText(preheader) && preheader.length <= 100, preheader);
    t.ok(
      sections.length >= 2 && sections.every(({ heading, body }: Content) => isText(heading) && isText(body)),
    );
    t.ok(isText(action));
  },
  seo: ({ clusters, titles, meta_description: description, readability, checks }, language) => {
    t.ok(clusters.length >= 2 && clusters.every(({ keywords }: Content) => keywords.length > 0));
    t.ok(titles.length > 0 && description.length <= 160);
    // Without an article there is nothing to measure.
    if (readability === undefined) return;
    t.ok(readability.words > 0 && readability.sentences > 0);
    t.equal(readability.flesch_reading_ease === null, language !== 'en', 'its weights are for English');
    t.ok(checks.length > 0 && checks.every(({ passed }: Content) => typeof passed === 'boolean'));
  },
  content_plan: ({ days, entries, goal }) => {
    t.ok(isText(goal));
    t.equal(entries.length, Math.min(30, Math.max(3, Math.round(days / 3))));
    const calendar = entries.map(({ day }: Content) => day);
    t.strictSame(
      calendar,
      calendar.toSorted((one: number, other: number) => one - other),
    );
    t.ok(
      calendar.every((day: number) => day >= 1 && day <= days),
      calendar.join(),
    );
  },
  image_prompts: ({ prompts }) => {
    t.equal(prompts.length, 4);
    for (const { prompt, alt_text: alt } of prompts)
      t.ok(prompt.length <= 1_000 && alt.length <= 250 && isText(alt));
  },
  ads: ({ ads }) => {
    t.strictSame(
      ads.map(({ network }: Content) => network),
      ['google', 'meta', 'linkedin', 'x'],
    );
    for (const { variants, max_characters: limits } of ads) {
      t.equal(variants.length, 2);
      for (const [field, value] of variants.flatMap((one: object) => Object.entries(one)))
        for (const text of [value].flat())
          t.ok(isText(text) && text.length <= limits[field], `${field}: ${text}`);
    }
  },
  reply: ({ replies }) => t.ok(replies.length > 0),
  transcript: ({ text, words, seconds }) => t.ok(isText(text) && words > 0 && seconds > 0),
  insights: ({ summary, insights, quotes }) =>
    t.ok(isText(summary) && insights.length > 0 && quotes.length > 0),
};

function checkScript({ parts, seconds, hook }: Content, direction: 'cue' | 'visual'): void {
  t.ok(isText(hook));
  t.equal(parts[0].start_seconds, 0);
  t.equal(parts.at(-1).end_seconds, seconds);
  for (const [index, part] of parts.entries()) {
    t.ok(part.end_seconds > part.start_seconds && isText(part.text));
    if (index > 0) t.equal(part.start_seconds, parts[index - 1].end_seconds, 'without gaps');
  }
  t.ok(parts.some((part: Content) => isText(part[direction])));
}

function check(documents: Documents, types: readonly ContentType[], language: string): void {
  for (const type of types) {
    const document = documents[type];
    t.match(document, { content_type: type, language, version: 1, source: 'generated', title: /\S/ }, type);
    t.ok(isText(document.markdown));
    t.notMatch(document.markdown, /undefined|\[object|NaN|\n{4}/, `${type} is well formed`);
    CHECKS[type](document.content, language);
  }
}

const PLAN_COLUMNS = {
  en: /\| Day \| Channel \| Title \|/,
  pl: /\| Dzień \| Kanał \| Tytuł \|/,
  fi: /\| Päivä \| Kanava \| Otsikko \|/,
} as const;

const system = await startInstallation(t, 'default');

t.test('given each language, then each content type has its fields, and steps report in it', async (t) => {
  const { token } = await system.customer('pro');
  const messages = new Map<string, string[]>();
  for (const [language, topic] of [
    ['en', 'How to care for fountain pens'],
    ['pl', 'Jak dbać o wieczne pióra w podróży i łatwo je czyścić'],
    ['fi', 'Täytekynän hoito ja säilytys arjessa'],
  ] as const) {
    const { job, documents } = await write(system, token, { topic, content_types: WRITTEN, length: 800 });
    t.match(job, { language, words: 800, percent: 100 });
    t.match(documents.content_plan, { content: { days: 30 }, markdown: PLAN_COLUMNS[language] });
    check(documents, WRITTEN, language);
    messages.set(
      language,
      job.steps.map(({ message }: { message: string }) => message),
    );
  }
  t.equal(messages.get('en')?.[0], 'Planning the article');
  t.equal(messages.get('pl')?.[0], 'Planowanie artykułu');
  t.equal(messages.get('fi')?.[0], 'Suunnitellaan artikkelia');
  for (const language of ['pl', 'fi'])
    t.notOk(
      messages.get(language)?.some((message) => messages.get('en')?.includes(message)),
      language,
    );
});

t.test(
  'given a plan of default, then it writes each content type from research or a recording, or refuses it',
  async (t) => {
    const { token } = await system.customer('basic');
    const researched = { topic: 'fountain pens', content_types: WRITTEN, length: 450, research: true };
    const { documents } = await write(system, token, researched);
    check(documents, WRITTEN, 'en');
    for (const type of WRITTEN) {
      const { sources, claims } = documents[type]?.content ?? {};
      // With an article, everything else is written from that.
      if (type !== 'blog') t.equal(sources, undefined, type);
      else {
        t.ok(sources.length > 0 && claims.length >= sources.length, 'each source is named by a claim');
        for (const { id, url, title } of sources)
          t.ok(/^S\d+$/.test(id) && url.startsWith('https://library.example/') && isText(title), id);
        const known = new Set(sources.map(({ id }: Content) => id));
        t.ok(claims.every((claim: Content) => claim.sources.every((id: string) => known.has(id))));
        t.match(documents.blog?.markdown, /\[S\d+\][\s\S]*\n## Sources\n\n- \[S\d+\] \[.+\]\(<https:/);
      }
    }
    const alone = WRITTEN.filter((type) => type !== 'blog' && type !== 'image_prompts');
    const { documents: others } = await write(system, token, { ...researched, content_types: alone });
    for (const type of alone)
      t.match(others[type]?.content.sources, [{ id: 'S1', url: /^https:\/\/library\.example\// }], type);

    const recording = { recording_id: await upload(system, token, 60), pipeline: 'content_kit', length: 450 };
    const kit = await write(system, token, recording);
    check(kit.documents, ['transcript', 'insights', 'blog', 'image_prompts'], 'en');
    t.equal(kit.documents.social?.content.posts.length, 5);
    const free = await system.customer('free');
    for (const type of WRITTEN) {
      const isSold = type === 'blog' || type === 'social';
      const answer = await system.call(JOBS, free.token, {
        topic: 'tea',
        content_types: [type],
        length: 'short',
      });
      t.match(
        answer,
        isSold
          ? { status: 202 }
          : { status: 403, body: { code: 'content_type_not_in_plan', content_type: type, plan: 'free' } },
        type,
      );
    }
  },
);

t.test('given variants, then each is priced, and the alternatives are in the document', async (t) => {
  const { token } = await system.customer('pro');
  const types = ['blog', 'social', 'audio', 'newsletter'];
  const body = { topic: 'green tea', content_types: types, length: 450, variants: 3 };
  const { documents } = await write(system, token, body);
  t.equal(documents.social?.content.alternatives.length, 2);
  t.match(documents.social?.markdown, /## LinkedIn\n[\s\S]+## LinkedIn 3\n/);
  for (const type of ['blog', 'audio', 'newsletter'] as const)
    t.match(documents[type]?.content.alternatives, [/\S/, /\S/], type);
  const { body: usage } = await system.call('/api/subscription/usage', token);
  t.match(
    usage.data.limits.find(({ meter }: { meter: string }) => meter === 'gen.social'),
    { used: '3' },
  );
  for (const wrong of [
    { variants: 1 },
    { variants: 4 },
    { content_types: ['seo'] },
    { content_types: ['blog'], length: 'short' },
  ])
    t.match(await system.call(JOBS, token, { ...body, ...wrong }), { status: 400 }, JSON.stringify(wrong));
});

/** Requests that need a feature, with a plan that lacks it. */
type Refusals = readonly (readonly [feature: string, plan: string, body: object])[];

const TOPIC = { topic: 'fountain pens' };

async function checkRefusals({ call, customer }: Installation, refusals: Refusals): Promise<void> {
  for (const [feature, plan, more] of refusals) {
    const { token } = await customer(plan);
    const refused = await call(JOBS, token, { ...TOPIC, ...more });
    t.match(refused, { status: 403, body: { plan } }, feature);
    const { code, content_type: type, feature: missing } = refused.body;
    if (code === 'content_type_not_in_plan') t.match(more, { content_types: [type] }, feature);
    else t.equal(missing, feature);
  }
}

const ALPHA_REFUSALS: Refusals = [['content_planning', 'free-alpha', { content_types: ['content_plan'] }]];
const ALWRITY_REFUSALS: Refusals = [
  ['full_content_generation', 'free', { content_types: ['newsletter'] }],
  ['advanced_research', 'free', { research: true, research_full_text: true }],
  ['premium_research', 'basic', { research: true, research_all_providers: true }],
];

for (const [catalogue, plan, types, refusals] of [
  ['crew', 'pro', ['blog', 'social', 'audio', 'video'], []],
  ['alwrity-alpha', 'basic-alpha', ['seo', 'content_plan'], ALPHA_REFUSALS],
  ['alwrity', 'pro', ['newsletter', 'image_prompts'], ALWRITY_REFUSALS],
  ['lily', 'pro', ['ads'], []],
] as const) {
  t.test(`given ${catalogue}, then its content types are written for plans that include them`, async (t) => {
    const installation = await startInstallation(t, catalogue);
    const { token } = await installation.customer(plan);
    const { documents } = await write(installation, token, { ...TOPIC, content_types: types });
    check(documents, types, 'en');
    await checkRefusals(installation, refusals);
  });
}

t.test('given a free tester of alwrity-alpha, then lists and short articles are written', async (t) => {
  const alpha = await startInstallation(t, 'alwrity-alpha');
  const tester = await alpha.customer('free-alpha');
  const seo = await write(alpha, tester.token, { ...TOPIC, content_types: ['seo'] });
  t.match(
    seo.documents.seo,
    { content: { list: /^## Keywords/ }, markdown: /^# SEO/ },
    'basic_seo is a list',
  );
  const writer = await alpha.customer('free-alpha');
  const short = await write(alpha, writer.token, { ...TOPIC, length: 'short' });
  t.match(short.documents.blog, { markdown: /^# [\s\S]+## / }, 'blog_writer, within 1,000 tokens a day');
});

t.test('given whisperforge, then a recording becomes everything that it sells', async (t) => {
  const installation = await startInstallation(t, 'whisperforge');
  const { call, customer, url } = installation;
  const { token } = await customer('pro');
  const upload = (as: string | null, bytes: Uint8Array<ArrayBuffer>, key?: string) => {
    const form = new FormData();
    form.set('file', new File([bytes], 'talk.wav', { type: 'audio/wav' }));
    const headers = {
      ...(as !== null && { authorization: `Bearer ${as}` }),
      ...(key !== undefined && { 'idempotency-key': key }),
    };
    return fetch(`${url}/api/recordings`, { method: 'POST', headers, body: form });
  };
  const wav = Uint8Array.from(silence(90));
  t.equal((await upload(null, wav)).status, 401);
  t.equal((await upload(token, Uint8Array.from(Buffer.from('no recording')))).status, 400);
  const stored = await upload(token, wav, 'talk');
  t.equal(stored.status, 201);
  const recording = (await stored.json()) as { id: string };
  const repeated = await upload(token, wav, 'talk');
  t.match(await repeated.json(), { id: recording.id }, 'stored once');
  const other = await upload(token, Uint8Array.from(silence(2)), 'talk');
  t.match(await other.json(), { code: 'idempotency_key_reused' });
  t.match(recording, { id: String, media_type: /wav/, seconds: 90, size_bytes: wav.length });

  const body = { recording_id: recording.id, pipeline: 'content_kit' };
  for (const [wrong, status] of [
    [{ ...body, content_types: ['seo'] }, 400],
    [{ ...body, length: 'short' }, 400],
    [{ ...body, pipeline: 'everything' }, 400],
    [{ topic: 'x', pipeline: 'content_kit' }, 400],
  ] as const)
    t.match(
      await call(JOBS, token, wrong),
      { status, body: { code: 'invalid_request' } },
      JSON.stringify(wrong),
    );
  const { job, documents } = await write(installation, token, body);
  const types: ContentType[] = ['transcript', 'insights', 'blog', 'social', 'image_prompts'];
  t.match(job, { language: 'en', content_types: types });
  t.strictSame(
    job.steps.flatMap(({ step }: { step: string }) => (/section|notes/.test(step) ? [] : [step])),
    [
      ...['transcript.write', 'insights.write', 'blog.outline', 'blog.metadata', 'blog.edit'],
      ...['social.write', 'image_prompts.write'],
    ],
  );
  check(
    documents,
    types.filter((type) => type !== 'social'),
    'en',
  );
  t.equal(documents.social?.content.posts.length, 5);
  const { content: kit, id: kitId } = (documents as Record<string, Content>).content_kit;
  t.strictSame(Object.keys(kit).sort(), [
    ...['article', 'image_prompts', 'insights', 'outline', 'posts', 'title', 'transcript'],
  ]);
  const { body: usage } = await call('/api/subscription/usage', token);
  t.match(
    usage.data.limits.find(({ meter }: { meter: string }) => meter === 'audio.seconds'),
    { used: '90' },
  );
  t.match(
    await call(JOBS, (await customer('pro')).token, body),
    { status: 404 },
    "another account's recording",
  );
  t.match(await call(JOBS, token, { topic: 'x', content_types: ['transcript'] }), { status: 400 });
  await checkRefusals(installation, [['custom_prompts', 'free', { prompt_id: recording.id }]]);
  const file = await fetch(`${url}/api/documents/${kitId}/export?format=docx`, {
    headers: { authorization: `Bearer ${token}` },
  });
  t.equal(file.status, 200);
});
