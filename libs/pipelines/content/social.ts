/** Posts for social networks: one object for each network, within the network's limits. */
import { z } from 'zod';
import { NETWORKS, type Network } from '#libs/contracts/generate.ts';
import { labelOf } from './messages.ts';
import { readsInsights } from './recording.ts';
import { documentTitle } from './research.ts';
import { useOfSources } from './sources.ts';
import { type ContentBrief, type ContentPipeline, type JsonSpec, jsonOf } from './step.ts';
import { countCharacters, countWords, shortenTo } from './text.ts';
import { alternativeCount } from './variants.ts';

type NetworkRules = {
  readonly name: string;
  /** Characters of the post with its hashtags, as the network counts them. */
  readonly maxCharacters: number;
  readonly words?: readonly [number, number];
  readonly hashtags: readonly [number, number];
  readonly advice: string;
};

/** Documented limits of the networks; word ranges and hashtags are our editorial rules. */
export const NETWORK_RULES: Readonly<Record<Network, NetworkRules>> = {
  linkedin: {
    name: 'LinkedIn',
    maxCharacters: 3_000,
    words: [200, 300],
    hashtags: [3, 5],
    advice:
      'a first line that stands alone as a claim or a surprising fact, short paragraphs around one example or lesson, a question that experts can answer or a call to action at the end',
  },
  x: {
    name: 'X',
    maxCharacters: 280,
    hashtags: [1, 3],
    advice: 'one sharp thought with one concrete detail, fewer than 200 characters before the hashtags',
  },
  facebook: {
    name: 'Facebook',
    maxCharacters: 63_206,
    words: [60, 120],
    hashtags: [1, 3],
    advice: 'conversational, about one everyday situation, ends with a question that is easy to answer',
  },
  instagram: {
    name: 'Instagram',
    maxCharacters: 2_200,
    words: [60, 150],
    hashtags: [3, 10],
    advice:
      'a hook before the fold (125 characters), then short lines that readers can use or save, a call to action at the end',
  },
  threads: {
    name: 'Threads',
    maxCharacters: 500,
    hashtags: [0, 1],
    advice: 'one thought that invites disagreement or an experience, fewer than 450 characters',
  },
};

const DEFAULT_NETWORKS: readonly Network[] = ['linkedin', 'x'];
export const SOCIAL = 'social.write';

const post = z.object({ text: z.string(), hashtags: z.array(z.string()) });
type Post = z.infer<typeof post>;
type Posts = Partial<Record<Network, Post>>;
/** With variants: each version has a post for every network. */
type Versions = { versions: Posts[] };

export const socialPipeline: ContentPipeline = {
  steps: (brief) => {
    const networks = networksOf(brief);
    const count = 1 + alternativeCount(brief.request);
    const rules = networks.map((network) => {
      const { name, words, hashtags, advice } = NETWORK_RULES[network];
      const range = words ? `${words[0]} to ${words[1]} words; ` : '';
      return `- ${network} (${name}): ${range}${advice}; ${hashtags[0]} to ${hashtags[1]} hashtags.`;
    });
    return [
      {
        key: SOCIAL,
        part: 'social',
        role: 'writer',
        template: 'social.write@2',
        message: 'social',
        task: `Write one post for each of these social networks. Each has an angle of its own for the readers of its network; none is a shorter copy of another. No "excited to share", no announcement that there is an article, no invented experience in the first person, no placeholders such as [link], and emojis only if the tone asks for them. Put hashtags into \`hashtags\`, not into the text: specific ones, in the language of the post.${count === 1 ? '' : ` Write ${count} versions of every post, each from another angle.`}\n${rules.join('\n')}`,
        inputs: brief.basis,
        sources: useOfSources(brief, 'read'),
        spec: count === 1 ? postsSpec(networks) : versionsSpec(networks, count),
        words:
          count * networks.reduce((sum, network) => sum + (NETWORK_RULES[network].words?.[1] ?? 70) + 25, 0),
        hasSpare: brief.hasSpares,
        counts: { 'gen.social': count, ...brief.inputs.autopilot?.counts },
      },
    ];
  },
  assemble: (brief, outputs) => {
    const output = jsonOf<Posts | Versions>(outputs, SOCIAL);
    const versions = 'versions' in output ? output.versions : [output];
    const [posts = [], ...alternatives] = versions.map((version) =>
      networksOf(brief).map((network) => present(network, version[network] as Post)),
    );
    const title = documentTitle(brief, outputs, labelOf('posts', brief.language));
    const blocks = [posts, ...alternatives].flatMap((version, index) =>
      version.map(
        ({ name, text_with_hashtags: text }) =>
          `## ${name}${index === 0 ? '' : ` ${index + 1}`}\n\n${text}\n`,
      ),
    );
    return {
      title,
      content: { posts, ...(alternatives.length > 0 && { alternatives }) },
      markdown: blocks.join('\n'),
    };
  },
};

function networksOf({ request }: ContentBrief): readonly Network[] {
  return request.networks ?? (readsInsights(request) ? NETWORKS : DEFAULT_NETWORKS);
}

function present(network: Network, { text, hashtags }: Post) {
  const whole = wholePost({ text, hashtags });
  return {
    network,
    name: NETWORK_RULES[network].name,
    text,
    hashtags,
    text_with_hashtags: whole,
    characters: charactersOf(network, whole),
    max_characters: NETWORK_RULES[network].maxCharacters,
  };
}

function wholePost({ text, hashtags }: Post): string {
  return hashtags.length === 0 ? text : `${text}\n\n${hashtags.join(' ')}`;
}

/** X counts a link as 23 characters and one beyond Latin and punctuation as two (docs.x.com, "Counting characters"). */
export function charactersOf(network: Network, text: string): number {
  if (network !== 'x') return countCharacters(text);
  let count = 0;
  for (const character of text.replace(/https?:\/\/\S+/g, '-'.repeat(23))) {
    const code = character.codePointAt(0) as number;
    const isSingle =
      code <= 4351 ||
      (code >= 8192 && code <= 8205) ||
      (code >= 8208 && code <= 8223) ||
      (code >= 8242 && code <= 8247);
    count += isSingle ? 1 : 2;
  }
  return count;
}

const postsOf = (networks: readonly Network[]) =>
  z.object(Object.fromEntries(networks.map((network) => [network, post])));

function postsSpec(networks: readonly Network[]): JsonSpec {
  return {
    kind: 'json',
    name: 'social_posts',
    schema: postsOf(networks),
    problems: (posts: Posts) => problemsOfAll(networks, posts),
    fit: (posts: Posts) => fittedAll(networks, posts),
  };
}

function versionsSpec(networks: readonly Network[], count: number): JsonSpec {
  return {
    kind: 'json',
    name: 'social_posts',
    schema: z.object({ versions: z.array(postsOf(networks)) }),
    problems: ({ versions }: Versions) => [
      ...(versions.length >= count ? [] : [`Give ${count} versions, not ${versions.length}.`]),
      ...versions.flatMap((posts) => problemsOfAll(networks, posts)),
    ],
    fit: ({ versions }: Versions) => ({
      versions: versions.slice(0, count).map((posts) => fittedAll(networks, posts)),
    }),
  };
}

function problemsOfAll(networks: readonly Network[], posts: Posts): string[] {
  return networks.flatMap((network) => problemsOf(network, normalised(network, posts[network] as Post)));
}

function fittedAll(networks: readonly Network[], posts: Posts): Posts {
  return Object.fromEntries(networks.map((network) => [network, fitted(network, posts[network] as Post)]));
}

/** Hashtags without spaces and each once; those that the model left at the end of the text are taken from it. */
function normalised(network: Network, { text, hashtags }: Post): Post {
  const trailing = /(?:\s*#[\p{L}\p{N}_]+)+\s*$/u.exec(text)?.[0] ?? '';
  const all = [...hashtags, ...trailing.split(/\s+/)].map(hashtagOf).filter((tag) => tag !== '#');
  const unique = [...new Map(all.map((tag) => [tag.toLowerCase(), tag])).values()];
  return {
    text: text.slice(0, text.length - trailing.length).trim(),
    hashtags: unique.slice(0, NETWORK_RULES[network].hashtags[1]),
  };
}

function hashtagOf(text: string): string {
  return `#${text.replace(/[^\p{L}\p{N}_]/gu, '')}`;
}

function problemsOf(network: Network, written: Post): string[] {
  const { name, maxCharacters, words, hashtags } = NETWORK_RULES[network];
  const problems: string[] = [];
  const characters = charactersOf(network, wholePost(written));
  if (characters > maxCharacters)
    problems.push(`${name}: ${characters} characters with hashtags, at most ${maxCharacters} are allowed.`);
  if (written.text === '') problems.push(`${name}: the text is empty.`);
  const count = countWords(written.text);
  if (words && (count < words[0] * 0.9 || count > words[1] * 1.1))
    problems.push(`${name}: ${count} words, ${words[0]} to ${words[1]} are wanted.`);
  if (written.hashtags.length < hashtags[0])
    problems.push(`${name}: ${written.hashtags.length} hashtags, at least ${hashtags[0]} are wanted.`);
  return problems;
}

/** Within the network's limit in any case: hashtags go first, then the end of the text. */
function fitted(network: Network, written: Post): Post {
  const { maxCharacters } = NETWORK_RULES[network];
  const fit = normalised(network, written);
  const measure = (text: string) => charactersOf(network, text);
  while (fit.hashtags.length > 1 && measure(wholePost(fit)) > maxCharacters) fit.hashtags.pop();
  const room = maxCharacters - measure(wholePost({ text: '', hashtags: fit.hashtags }));
  return { ...fit, text: shortenTo(fit.text, room, measure) };
}
