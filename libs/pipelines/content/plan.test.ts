/** What content requests plan: steps in their order, counts, caps and budgets. */
import t from 'tap';
import { generateRequest } from '#libs/contracts/generate.ts';
import { mediaModels, model, planOf, RECORDING, SOME_ID, searchModels, TOGETHER } from './content.fixture.ts';
import { briefOf } from './pipeline.ts';
import { pieceOf } from './recording.ts';

t.test('steps come after those that they need, and posts alone need no article', async (t) => {
  const all = planOf(
    { topic: 'rivers', content_types: TOGETHER, recording_id: SOME_ID },
    { inputs: { recording: RECORDING }, mediaModels },
  );
  const seen = new Set<string>();
  for (const { step, after = [] } of all.calls) {
    t.ok(
      after.every((key) => seen.has(key)),
      step,
    );
    seen.add(step);
  }
  const posts = planOf({ topic: 'rivers', content_types: ['social'] });
  t.strictSame(
    posts.calls.map(({ step }) => step),
    ['social.write', 'social.write#2'],
  );
  t.match(posts.calls[0]?.counts, { 'gen.social': 1 });
  t.notOk(posts.calls.some(({ counts }) => 'gen.blog' in counts));
});

t.test('caps follow the length, the language and the plan', async (t) => {
  const cap = (body: object, more = {}) =>
    planOf({ topic: 'x', length: 800, ...body }, more).calls.find(({ step }) => step === 'blog.edit')
      ?.outputTokens;
  t.equal(cap({ language: 'en' }), 1_479);
  t.equal(cap({ language: 'Polish' }), 2_746);
  t.equal(cap({ language: 'suomi' }), 3_696);
  const capped = planOf({ topic: 'x', length: 3_000, language: 'en' }, { outputTokensCap: 2_000 });
  t.ok(capped.calls.every(({ outputTokens }) => outputTokens <= 2_000));
  t.equal(briefOf(generateRequest.parse({ topic: 'x', length: 3_000 }), capped.scale).words, 1_080);
  const reasoning = { ...model, capabilities: { ...model.capabilities, reasoning: true } };
  t.match(planOf({ topic: 'x' }, { model: reasoning }).calls[0], { reasoningEffort: 'low' });
});

t.test('a free tester writes an article of 300 words within 1,000 tokens', async (t) => {
  const tiny = { inputs: { budget: 'tiny' as const } };
  const { calls } = planOf({ topic: 'How to brew green tea', length: 'short' }, tiny);
  t.strictSame(
    calls.map(({ step }) => step),
    ['blog.write'],
  );
  const most = calls.reduce((sum, { inputTokens, outputTokens }) => sum + inputTokens + outputTokens, 0);
  t.ok(most <= 1_000, `${most} tokens at most`);
  const seo = planOf({ topic: 'How to brew green tea', content_types: ['seo'] }, tiny).calls;
  t.match(seo, [{ step: 'seo.list' }]);
  t.ok(seo.every(({ inputTokens, outputTokens }) => inputTokens + outputTokens <= 1_000));
});

t.test('a smaller budget never plans a dearer request', async (t) => {
  const body = { topic: 'rivers', content_types: ['blog', 'social', 'newsletter'], length: 1_500 };
  let last = Number.POSITIVE_INFINITY;
  for (let scale = 1; scale >= 0.25; scale -= 0.01) {
    const { calls } = planOf(body, { scale });
    const tokens = calls.reduce((sum, call) => sum + call.inputTokens + call.outputTokens, 0);
    t.ok(tokens <= last, `${scale}: ${tokens}`);
    last = tokens;
  }
});

t.test('research has the fallbacks that were chosen, and one step whichever is asked', async (t) => {
  const [tavily] = searchModels;
  const of = (provider: string, kind: 'search' | 'page') => ({
    model: {
      ...(tavily as (typeof searchModels)[number]).model,
      provider,
      model: `${provider}_search`,
      kind,
    },
    price: { ...(tavily as (typeof searchModels)[number]).price, provider },
  });
  const all = [...searchModels, of('serper', 'search'), of('firecrawl', 'page')];
  const inputs = { research: ['tavily'], research_fallbacks: ['serper', 'firecrawl', 'unknown'] };
  const { calls } = planOf(
    { topic: 'rivers', length: 300, research: true, max_sources: 4 },
    { inputs, searchModels: all },
  );
  const [search] = calls;
  t.match(search, { index: 0, step: 'research.tavily', provider: 'tavily', otherUnits: { search: 1 } });
  t.match(search?.fallbacks, [
    { index: 0, step: 'research.tavily', provider: 'serper', otherUnits: { search: 1 } },
    { index: 0, step: 'research.tavily', provider: 'firecrawl', otherUnits: { page: 4 } },
  ]);
  t.equal(search?.fallbacks?.length, 2);
  const alone = planOf(
    { topic: 'rivers', research: true },
    { inputs: { research: ['tavily'] }, searchModels },
  );
  t.notOk(alone.calls[0]?.fallbacks);
});

t.test('a recording is transcribed once, and everything is written from its insights', async (t) => {
  const stepsOf = (seconds: number, body: object = {}) =>
    planOf(
      { recording_id: SOME_ID, length: 'short', ...body },
      { inputs: { recording: { ...RECORDING, seconds } }, mediaModels },
    ).calls.filter(({ isSpare }) => isSpare !== true);
  const chain = ['transcript', 'insights', 'blog', 'social', 'image_prompts'];
  const all = stepsOf(200, { content_types: chain });
  t.strictSame(
    all.map(({ step, after, counts }) => [step, after, counts]),
    [
      ['transcript.write', [], { 'gen.transcript': 1 }],
      ['insights.write', ['transcript.write'], { 'gen.insights': 1 }],
      ['blog.write', ['insights.write'], { 'gen.blog': 1 }],
      ['social.write', ['blog.write'], { 'gen.social': 1 }],
      ['image_prompts.write', ['blog.write'], { 'gen.image_prompts': 1 }],
    ],
  );
  t.strictSame(all[0]?.otherUnits, { audio_second: 200 }, 'priced by the second');
  t.strictSame(
    stepsOf(200).map(({ step, counts }) => [step, counts]),
    [
      ['transcript.write', {}],
      ['insights.write', {}],
      ['blog.write', { 'gen.blog': 1 }],
    ],
    'what is not asked for is not counted',
  );
  t.strictSame(
    stepsOf(200, { content_types: ['transcript'] }).map(({ step }) => step),
    ['transcript.write'],
  );
  const hour = stepsOf(3_600);
  t.equal(hour.filter(({ step }) => step.startsWith('insights.notes.')).length, 12, 'pieces of five minutes');
  const small = { ...model, contextWindow: 16_385, maxOutputTokens: 4_096 };
  t.doesNotThrow(() =>
    planOf(
      { recording_id: SOME_ID },
      { inputs: { recording: { ...RECORDING, seconds: 3_600 } }, mediaModels, model: small },
    ),
  );
  const words = Array.from({ length: 1_000 }, (_, index) => `word${index}`).join(' ');
  const pieces = [0, 1, 2].map((index) => pieceOf(words, { index, count: 3 }));
  t.equal(pieces.join(' '), words, 'nothing is lost between pieces');
  for (const wrong of [
    { topic: 'x', content_types: ['transcript'] },
    { topic: 'x', content_types: ['insights'] },
    { recording_id: SOME_ID, text: 'x' },
    { recording_id: SOME_ID, use_knowledge_base: true },
  ])
    t.equal(generateRequest.safeParse(wrong).success, false, JSON.stringify(wrong));
});
