import { readFile } from 'node:fs/promises';
import t from 'tap';
import { parsePriceBook } from '#libs/pricing/price-book.ts';
import { catalogueJsonSchema } from './json-schema.ts';
import { CatalogueError, parseCatalogue } from './parse.ts';

const read = (file: string) => readFile(new URL(`../../deploy/catalogues/${file}`, import.meta.url), 'utf8');

const SMALL = `id: small
name: Small
version: '1'
currency: USD
defaultPlan: free
textModels: [gpt-4o-mini, gpt-4o]
qualities: [draft, standard]
platforms: [twitter]
features: { bulk: Many at once }
plans:
  - key: free
    name: Free
    rank: 0
    price: { monthlyMinor: 0 }
    limits:
      - { meter: cost, window: month, amount: 2.00 USD }
  - key: pro
    name: Pro
    rank: 1
    aliases: [plus]
    price: { monthlyMinor: 1900, annualDiscountBps: 2000 }
    limits:
      - { meter: audio.seconds, window: month, amount: 60 min, onLimit: overage, overagePrice: 0.001 USD }
      - { meter: cost, window: month, amount: 1000.50 USD }
      - { meter: images, window: day, amount: unlimited }
      - { meter: tokens.total, window: day, amount: 1_500_000, thresholds: { warn: 0.5 } }
`;

function complaints(text: string, edit: [from: string, to: string][] = []): string {
  let edited = text;
  for (const [from, to] of edit) {
    if (!edited.includes(from)) throw new Error(`nothing to edit: ${from}`);
    edited = edited.replace(from, to);
  }
  try {
    parseCatalogue(edited);
  } catch (error) {
    if (error instanceof CatalogueError) return error.message;
    throw error;
  }
  return 'fine';
}

t.test('amounts are exact and tagged', async (t) => {
  const [free, pro] = parseCatalogue(SMALL).plans;
  t.same(free?.limits[0]?.amount, { kind: 'n', n: 2_000_000_000n });
  t.same(
    pro?.limits.map((limit) => limit.amount),
    [
      { kind: 'n', n: 3_600n },
      { kind: 'n', n: 1_000_500_000_000n },
      { kind: 'unlimited' },
      { kind: 'n', n: 1_500_000n },
    ],
  );
  t.equal(pro?.limits[0]?.overagePriceNanoUsd, 1_000_000n);
  t.same(pro?.limits[3]?.thresholds, { warnBps: 5_000 });
  t.same(
    pro?.price,
    { monthlyMinor: 1900, yearlyMinor: 18_240, annualDiscountBps: 2_000 },
    '20 % off a year',
  );
  t.same(parseCatalogue(SMALL).thresholds, {
    warnBps: 8_000,
    noticeBps: 9_000,
    blockBps: 9_500,
    hardBps: 10_000,
  });
});

t.test('every mistake is reported with its line and path', async (t) => {
  t.equal(complaints(SMALL), 'fine');
  const table: [edit: [string, string], complaint: RegExp][] = [
    [
      ['defaultPlan: free', 'defaultPlan: gold'],
      /^line 5: defaultPlan: gold is not a plan of this catalogue$/,
    ],
    [['defaultPlan: free', 'defaultPlan: pro'], /^line 5: defaultPlan: new accounts start on it/],
    [['rank: 1', 'rank: 0'], /^line 19: plans\[1\]\.rank: the plan free also has rank 0$/],
    [['[plus]', '[free]'], /^line 20: plans\[1\]\.aliases\[0\]: free already names the plan free$/],
    [['amount: 2.00 USD', 'amount: 2'], /^line 16: .*money such as 2\.00 USD/],
    [
      ['amount: 1000.50 USD', 'amount: 1_000.50 USD'],
      /^line 24: plans\[1\]\.limits\[1\]\.amount: must be .* money such as 2\.00 USD/,
    ],
    [['amount: 2.00 USD', 'amount: 0.00 USD'], /^line 16: .*write disabled for 0/],
    [['amount: unlimited', 'amount: -1'], /^line 25: .*must be unlimited, disabled, or a whole number/],
    [
      ['amount: unlimited', `amount: '${2n ** 63n}'`],
      /^line 25: .*must be unlimited, disabled, or a whole number/,
    ],
    [['meter: images', 'meter: pictures'], /^line 25: plans\[1\]\.limits\[2\]\.meter: is not a meter$/],
    [['meter: images', 'meter: kb.files'], /window must be total/],
    [
      ['window: day, amount: unlimited', 'window: hour, amount: unlimited'],
      /^line 25: plans\[1\]\.limits\[2\]\.window: /,
    ],
    [[', overagePrice: 0.001 USD', ''], /overage needs an amount in numbers and an overagePrice/],
    [['warn: 0.5', 'warn: 0.97'], /^line 26: plans\[1\]\.limits\[3\]\.thresholds: must increase/],
    [['warn: 0.5', 'warn: 80'], /^line 26: .*share above 0 and not above 1/],
    [['    rank: 1', '    rang: 1'], /line 19: plans\[1\]\.rang: is not a known key here/],
    [
      ['name: Pro', 'features: [fly]\n    name: Pro'],
      /^line 18: plans\[1\]\.features: fly is not a known feature$/,
    ],
    [
      ['name: Pro', 'caps: { maxQuality: best }\n    name: Pro'],
      /caps\.maxQuality: best is not a known quality/,
    ],
    [
      ['name: Pro', 'caps: { textModels: [o3] }\n    name: Pro'],
      /caps\.textModels: o3 is not a known text model of the ladder/,
    ],
    [
      ['name: Pro', 'caps: { textModels: [gpt-4o], defaultTextModel: gpt-4o-mini }\n    name: Pro'],
      /gpt-4o-mini is not among the plan's models/,
    ],
    [
      ['plans:\n', 'upgrades: { free: [gold] }\nplans:\n'],
      /^line 10: upgrades\.free: gold is not a known plan$/,
    ],
    [['plans:\n', 'upgrades: { pro: [free] }\nplans:\n'], /free ranks below pro/],
    [
      ['plans:\n', 'capabilities: { fly: wings }\nplans:\n'],
      /capabilities\.fly: wings is not a known feature/,
    ],
    [
      ['meter: images, window: day', 'meter: cost, window: month'],
      /(cost per month and account is limited twice|money)/,
    ],
    [['id: small', 'id: [small'], /^line \d+: /],
    [['id: small', 'id: small\nid: again'], /^line 2: Map keys must be unique/],
  ];
  for (const [edit, complaint] of table) t.match(complaints(SMALL, [edit]), complaint, edit[1]);
});

t.test('several mistakes are reported together', async (t) => {
  const text = SMALL.replace('defaultPlan: free', 'defaultPlan: gold').replace('rank: 1', 'rank: 0');
  t.equal(complaints(text).split('\n').length, 2);
});

t.test('models are checked against a price book', async (t) => {
  const { models } = parsePriceBook(await read('prices.yaml'));
  t.ok(parseCatalogue(SMALL, { knownModels: models }));
  const wrong = SMALL.replace('[gpt-4o-mini, gpt-4o]', '[gpt-9, dalle3, whisper, claude-3.5-sonnet]');
  try {
    parseCatalogue(wrong, { knownModels: models });
    t.fail('should have been refused');
  } catch (error) {
    t.match(error, { issues: { length: 4 } });
    t.match(error, { message: /line 6: textModels\[0\]: gpt-9 is not in the price book/ });
    t.match(error, { message: /textModels\[1\]: dalle3 is not a text model/ });
    t.match(error, {
      message: /textModels\[3\]: claude-3.5-sonnet is an alias; its key is claude-3-5-sonnet/,
    });
  }
});

t.test('the JSON Schema file is up to date', async (t) => {
  t.same(JSON.parse(await read('catalogue.schema.json')), catalogueJsonSchema());
});
