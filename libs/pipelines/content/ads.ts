/** Ads: one object for each network, with the texts that it shows and their documented limits. */
import { z } from 'zod';
import { AD_NETWORKS, type AdNetwork } from '#libs/contracts/generate.ts';
import { charactersOf } from './social.ts';
import { useOfSources } from './sources.ts';
import { type ContentBrief, type ContentPipeline, type JsonSpec, jsonOf } from './step.ts';
import { countCharacters, plainText, shortenTo } from './text.ts';

type FieldRules = {
  /** As a reader knows it, such as `Headlines`. */
  readonly label: string;
  readonly maxCharacters: number;
  /** Of a list of texts that the network combines; a single text if absent. */
  readonly count?: number;
};

type AdRules = {
  readonly name: string;
  readonly fields: Readonly<Record<string, FieldRules>>;
  /** How the network counts characters. */
  readonly measure: (text: string) => number;
  /** What it refuses in a text. */
  readonly refused?: RegExp;
  readonly advice: string;
};

/** Google counts a character of double width as two ("About text ads", support.google.com/google-ads). */
const DOUBLE_WIDTH = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\uff01-\uff60]/gu;
const googleCharacters = (text: string) => countCharacters(text) + (text.match(DOUBLE_WIDTH)?.length ?? 0);

/** Documented limits; for Meta and LinkedIn, the length that is shown without a click on "more". */
export const AD_RULES: Readonly<Record<AdNetwork, AdRules>> = {
  google: {
    name: 'Google Ads',
    fields: {
      headlines: { label: 'Headlines', maxCharacters: 30, count: 5 },
      descriptions: { label: 'Descriptions', maxCharacters: 90, count: 3 },
    },
    measure: googleCharacters,
    refused: /[!¡！\p{Extended_Pictographic}]/gu,
    advice:
      'a responsive search ad: texts that make sense in any combination, each headline with another benefit, no exclamation marks or emoji',
  },
  meta: {
    name: 'Meta',
    fields: {
      primary_text: { label: 'Primary text', maxCharacters: 125 },
      headline: { label: 'Headline', maxCharacters: 40 },
      description: { label: 'Description', maxCharacters: 30 },
    },
    measure: countCharacters,
    advice: 'for Facebook and Instagram: speaks to one feeling, no claims about the reader in person',
  },
  linkedin: {
    name: 'LinkedIn',
    fields: {
      introductory_text: { label: 'Introductory text', maxCharacters: 150 },
      headline: { label: 'Headline', maxCharacters: 70 },
      description: { label: 'Description', maxCharacters: 100 },
    },
    measure: countCharacters,
    advice: 'for professionals: one concrete outcome at work',
  },
  x: {
    name: 'X',
    fields: {
      text: { label: 'Text', maxCharacters: 257 },
      headline: { label: 'Headline', maxCharacters: 70 },
    },
    measure: (text) => charactersOf('x', text),
    advice: 'one sharp thought, no hashtags',
  },
};

/** Two, so that they can be tested against each other. */
const DEFAULT_VARIANTS = 2;
const KEY = 'ads.write';

type Variant = Record<string, string | string[]>;
type Ads = Partial<Record<AdNetwork, Variant[]>>;

export const adsPipeline: ContentPipeline = {
  steps: (brief) => {
    const networks = networksOf(brief);
    const count = variantsOf(brief);
    const rules = networks.map((network) => {
      const { name, fields, advice } = AD_RULES[network];
      const lengths = Object.entries(fields).map(([field, { maxCharacters, count: texts }]) =>
        texts === undefined
          ? `\`${field}\` of at most ${maxCharacters} characters`
          : `exactly ${texts} \`${field}\` of at most ${maxCharacters} characters each`,
      );
      return `- ${network} (${name}): ${lengths.join(', ')}; ${advice}.`;
    });
    return [
      {
        key: KEY,
        part: 'ads',
        role: 'writer',
        template: 'ads.write@1',
        message: 'ads',
        task: `Write ads for each of these networks: exactly ${count} variants each, every one from another angle. Promise only what the material says; invent no prices, figures or guarantees. Give texts without Markdown and hashtags.\n${rules.join('\n')}`,
        inputs: brief.basis,
        sources: useOfSources(brief, 'read'),
        spec: adsSpec(networks, count),
        words: count * networks.reduce((sum, network) => sum + wordsOf(network), 0),
        hasSpare: brief.hasSpares,
        counts: { 'gen.ads': 1 },
      },
    ];
  },
  assemble: (brief, outputs) => {
    const written = jsonOf<Ads>(outputs, KEY);
    const ads = networksOf(brief).map((network) => ({
      network,
      name: AD_RULES[network].name,
      variants: written[network] ?? [],
      max_characters: Object.fromEntries(
        Object.entries(AD_RULES[network].fields).map(([field, { maxCharacters }]) => [field, maxCharacters]),
      ),
    }));
    const title = brief.request.topic ?? 'Ads';
    const blocks = ads.flatMap(({ network, name, variants }) =>
      variants.map((variant, index) => `## ${name} ${index + 1}\n\n${markdownOf(network, variant)}`),
    );
    return { title, content: { ads }, markdown: `# ${title}\n\n${blocks.join('\n\n')}\n` };
  },
};

function networksOf({ request }: ContentBrief): readonly AdNetwork[] {
  return request.ad_networks ?? AD_NETWORKS;
}

function variantsOf({ request }: ContentBrief): number {
  return request.variants ?? DEFAULT_VARIANTS;
}

/** Of one variant; a word with its space has at least five characters in most languages. */
function wordsOf(network: AdNetwork): number {
  const characters = Object.values(AD_RULES[network].fields).map(
    ({ maxCharacters, count = 1 }) => maxCharacters * count,
  );
  return Math.ceil(characters.reduce((sum, one) => sum + one, 0) / 5) + 5;
}

function markdownOf(network: AdNetwork, variant: Variant): string {
  return Object.entries(AD_RULES[network].fields)
    .map(([field, { label }]) => {
      const texts = textsIn(variant, field);
      return texts.length === 1 ? `**${label}:** ${texts[0]}` : `**${label}:**\n\n${bullets(texts)}`;
    })
    .join('\n\n');
}

const bullets = (texts: readonly string[]) => texts.map((text) => `- ${text}`).join('\n');

function textsIn(variant: Variant, field: string): string[] {
  const value = variant[field] ?? [];
  return typeof value === 'string' ? [value] : value;
}

function adsSpec(networks: readonly AdNetwork[], count: number): JsonSpec {
  const schema = z.object(
    Object.fromEntries(
      networks.map((network) => [
        network,
        z.array(
          z.object(
            Object.fromEntries(
              Object.entries(AD_RULES[network].fields).map(([field, { count: texts }]) => [
                field,
                texts === undefined ? z.string() : z.array(z.string()),
              ]),
            ),
          ),
        ),
      ]),
    ),
  );
  return {
    kind: 'json',
    name: 'ads',
    schema,
    problems: (ads: Ads) => networks.flatMap((network) => problemsOf(network, ads[network] ?? [], count)),
    fit: (ads: Ads) =>
      Object.fromEntries(
        networks.map((network) => [
          network,
          (ads[network] ?? []).slice(0, count).map((variant) => fitted(network, variant)),
        ]),
      ),
  };
}

function problemsOf(network: AdNetwork, variants: readonly Variant[], count: number): string[] {
  const { name, fields } = AD_RULES[network];
  const missing =
    variants.length >= count ? [] : [`${name}: give ${count} variants, not ${variants.length}.`];
  const faults = variants.flatMap((variant) =>
    Object.entries(fields).flatMap(([field, rules]) => fieldProblems(network, variant, field, rules)),
  );
  return [...missing, ...faults];
}

function fieldProblems(network: AdNetwork, variant: Variant, field: string, rules: FieldRules): string[] {
  const { name, measure, refused } = AD_RULES[network];
  const { maxCharacters, count } = rules;
  const texts = [...new Set(textsIn(variant, field).map(plainText))].filter((text) => text !== '');
  return [
    ...(count === undefined && texts.length === 0 ? [`${name}: the ${field} is empty.`] : []),
    ...(count !== undefined && texts.length < count
      ? [`${name}: ${texts.length} different ${field}, ${count} are wanted.`]
      : []),
    ...texts.flatMap((text) => {
      const characters = measure(text);
      return [
        ...(characters > maxCharacters
          ? [
              `${name}: ${field} "${text}" has ${characters} characters, at most ${maxCharacters} are allowed.`,
            ]
          : []),
        ...(refused !== undefined && text.search(refused) >= 0
          ? [`${name}: ${field} "${text}" has an exclamation mark or emoji.`]
          : []),
      ];
    }),
  ];
}

/** Within the limits in any case: without what the network refuses, and cut at the end of a word. */
function fitted(network: AdNetwork, variant: Variant): Variant {
  const { fields, measure, refused } = AD_RULES[network];
  return Object.fromEntries(
    Object.entries(fields).map(([field, { maxCharacters, count }]) => {
      const texts = textsIn(variant, field).map((text) => {
        const allowed = refused === undefined ? text : text.replace(refused, '');
        return shortenTo(plainText(allowed), maxCharacters, measure).replace(/…$/, '');
      });
      const unique = [...new Set(texts)].filter((text) => text !== '');
      return [field, count === undefined ? (unique[0] ?? '') : unique.slice(0, count)];
    }),
  );
}
