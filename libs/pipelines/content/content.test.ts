import fc from 'fast-check';
import t from 'tap';
import { CONTENT_TYPES, generateRequest } from '#libs/contracts/generate.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import type { ModelPriceWire } from '#libs/pricing/price-wire.ts';
import { checkAnswer } from './check.ts';
import { detectLanguage, languageCode, tokensForWords } from './language.ts';
import { assemblePart, briefOf, contentSteps } from './pipeline.ts';
import { planContent, stepOfCall } from './plan.ts';
import { contentPromptBound, stepRequest } from './prompt.ts';
import { readabilityOf } from './readability.ts';
import { dependenciesOf, type StepOutput } from './step.ts';
import { shortenTo, slugOf } from './text.ts';

const price: ModelPriceWire = {
  provider: 'openai',
  model: 'gpt-4o',
  version: 'openai/gpt-4o@2024-10-02T00:00:00.000Z',
  tiers: [{ from_input_tokens: 0, pico_usd_per_unit: { input: '2500000', output: '10000000' } }],
};

const model: ModelInfo = {
  provider: 'openai',
  model: 'gpt-4o',
  aliases: [],
  upstreamModel: 'gpt-4o',
  kind: 'text',
  contextWindow: 128_000,
  maxOutputTokens: 16_384,
  maxImageInputTokens: 0,
  tokenizer: 'o200k_base',
  capabilities: { vision: true, tools: true, jsonSchema: true, reasoning: false, streaming: true },
};

const planOf = (body: object, more: Partial<Parameters<typeof planContent>[0]> = {}) =>
  planContent({
    kind: 'job',
    request: generateRequest.parse(body),
    model,
    price,
    outputTokensCap: null,
    ...more,
  });

t.test('steps come after those that they need, and posts alone need no article', async (t) => {
  const all = planOf({ topic: 'rivers', content_types: [...CONTENT_TYPES] });
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
  const { calls } = planOf({ topic: 'How to brew green tea', length: 'short' });
  t.strictSame(
    calls.map(({ step }) => step),
    ['blog.write'],
  );
  const most = calls.reduce((sum, { inputTokens, outputTokens }) => sum + inputTokens + outputTokens, 0);
  t.ok(most <= 1_000, `${most} tokens at most`);
  const seo = planOf({ topic: 'How to brew green tea', content_types: ['seo'] }, { scale: 0.9 }).calls;
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

t.test('every prompt stays within its planned bound, whatever the steps before wrote', async (t) => {
  const text = fc.string({ unit: 'grapheme', maxLength: 6_000 });
  const property = fc.property(
    fc.record({
      topic: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 300 }).filter((s) => s.trim() !== ''),
      text: fc.option(
        text.filter((s) => s.trim() !== ''),
        { nil: undefined },
      ),
      language: fc.constantFrom('en', 'fi', '日本語', undefined),
      length: fc.constantFrom('short', 'medium', 2_000),
    }),
    text,
    fc.double({ min: 0.25, max: 1, noNaN: true }),
    fc.boolean(),
    (fields, written, share, structuredOutput) => {
      const request = generateRequest.parse({ ...fields, content_types: [...CONTENT_TYPES] });
      const target = { ...model, capabilities: { ...model.capabilities, jsonSchema: structuredOutput } };
      const plan = planOf(request, { request, model: target, scale: share });
      const brief = briefOf(request, plan.scale);
      const steps = contentSteps(brief);
      const outputs = new Map<string, StepOutput>(steps.map(({ key }) => [key, { markdown: written }]));
      outputs.set('source', { markdown: fields.text ?? '' });
      return plan.calls.every((call) => {
        const step = steps.find(({ key }) => key === stepOfCall(call));
        if (step === undefined) return false;
        const repair = { draft: written, kind: 'correct' as const, problems: [written] };
        const prompt = stepRequest(
          step,
          brief,
          { model: 'm', structuredOutput },
          outputs,
          call.isSpare ? repair : undefined,
        );
        return contentPromptBound(prompt) <= call.inputTokens && dependenciesOf(step).length >= 0;
      });
    },
  );
  t.doesNotThrow(() => fc.assert(property, { numRuns: 60 }));
});

t.test('languages are recognised', async (t) => {
  const rows: [string, string][] = [
    ['fountain pens', 'en'],
    ['How to brew the perfect tea', 'en'],
    ['Wie man guten Tee kocht', 'de'],
    ['Comment préparer le thé', 'fr'],
    ['Jak zaparzyć zieloną herbatę', 'pl'],
    ['Sähköautot talvella', 'fi'],
    ['Как заваривать чай', 'ru'],
    ['緑茶の淹れ方', 'ja'],
    ['绿茶怎么泡', 'zh'],
  ];
  for (const [topic, language] of rows) t.equal(detectLanguage(topic), language, topic);
  t.strictSame(['de-AT', 'German', 'Deutsch', 'Klingon'].map(languageCode), ['de', 'de', 'de', 'Klingon']);
  t.ok(
    tokensForWords(800, 'en') >= 890 &&
      tokensForWords(800, 'pl') >= 1_660 &&
      tokensForWords(800, 'fi') >= 2_240,
  );
});

const step = (body: object, key: string) => {
  const brief = briefOf(generateRequest.parse(body), 1_000);
  const found = contentSteps(brief).find((one) => one.key === key);
  if (found === undefined) throw new Error(`There is no step ${key}.`);
  return { ...found, brief };
};

t.test('an answer that was cut is continued, else shortened, and never complete', async (t) => {
  const edit = step({ topic: 'x', length: 500 }, 'blog.edit');
  const paragraph = `${'One more useful sentence about it. '.repeat(40)}`;
  const cut = `## One\n\n${paragraph}\n\n## Two\n\n${paragraph}\n\n## Three\n\nThis ends in the mid`;
  const first = checkAnswer(edit, { text: cut, isCut: true }, true);
  t.match(first, { kind: 'repair', repair: { kind: 'continue', draft: cut } });
  if (first.kind !== 'repair') return;
  const whole = checkAnswer(edit, { text: `dle of a word. ${paragraph}`, isCut: false }, false, first.repair);
  t.match(whole, { kind: 'accept', output: { markdown: /in the middle of a word\./ }, warnings: [] });
  const again = checkAnswer(edit, { text: 'dle. And then', isCut: true }, false, first.repair);
  t.match(again, { kind: 'accept', output: { markdown: /in the middle\.$/ }, warnings: [/output cap/] });
  t.match(checkAnswer(edit, { text: 'No.', isCut: false }, false), { kind: 'fail' });
});

t.test('posts are repaired once, then fitted to their network', async (t) => {
  const social = step(
    { topic: 'tea', content_types: ['social'], networks: ['x', 'threads'] },
    'social.write',
  );
  const long = 'A sentence about tea that goes on. '.repeat(12).trim();
  const answer = {
    text: JSON.stringify({
      x: { text: `${long} #tea`, hashtags: ['green tea'] },
      threads: { text: 'Tea.', hashtags: [] },
    }),
    isCut: false,
  };
  t.match(checkAnswer(social, answer, true), {
    kind: 'repair',
    repair: { kind: 'correct', problems: [/^X: \d+ characters/] },
  });
  const final = checkAnswer(social, answer, false);
  t.match(final, { kind: 'accept', output: { json: { x: { hashtags: ['#greentea'] } } } });
  if (final.kind !== 'accept') return;
  const { content } = assemblePart('social', social.brief, new Map([['social.write', final.output]]));
  const [x] = content.posts as { characters: number; text_with_hashtags: string }[];
  t.ok(x !== undefined && x.characters <= 280, 'fits X');
  t.match(checkAnswer(social, { text: 'I cannot do that.', isCut: false }, false), { kind: 'fail' });
});

t.test('texts are cut between sentences or words, and slugs work in any script', async (t) => {
  t.equal(shortenTo('One. Two three. Four five six.', 16), 'One. Two three.');
  t.equal(shortenTo('Unbroken words without an end', 16), 'Unbroken words…');
  t.equal(slugOf('Über Tee & Łódź: 10 Ideen!'), 'uber-tee-lodz-10-ideen');
  t.equal(slugOf('緑茶の淹れ方'), '緑茶の淹れ方');
  t.match(readabilityOf('The cat sat on the mat. It was warm.', 'en'), {
    words: 9,
    sentences: 2,
    flesch_reading_ease: 100,
  });
});
