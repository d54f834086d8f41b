/**
 * Which topic comes next, and which posts the model learns from. Deterministic: the same history gives the same choice.
 *
 * The reactions of a topic (engagements and clicks for each impression) are compared with those of all topics, after both
 * were given {@link PRIOR_IMPRESSIONS} usual impressions, so that a few lucky ones decide nothing. The relation, between
 * 0.25 and 4, is the weight of the topic. Of the latest runs, each topic gets its share by weight: the next one is that
 * with the fewest runs in relation to its weight.
 */
import type { TopicChoice } from '#libs/contracts/autopilots.ts';
import type { EarlierPost } from '#libs/contracts/content-inputs.ts';
import type { PostResults } from '#libs/db/schema/generation.ts';

/** A published post of the autopilot, with its results. */
export type PostWithResults = {
  id: string;
  topic: string;
  platform: string;
  text: string;
  results: PostResults;
};

/** What an autopilot has done so far. */
export type History = {
  /** Topics of its latest runs that were not refused and did not fail. */
  latestTopics: readonly string[];
  posts: readonly PostWithResults[];
};

const PRIOR_IMPRESSIONS = 1_000;
const LEAST_WEIGHT = 0.25;
const MOST_WEIGHT = 4;
/** Runs for each topic that are looked back on. */
const REMEMBERED_RUNS = 5;
const BEST_POSTS = 3;
const WEAKEST_POSTS = 2;
const EXAMPLE_LENGTH = 600;

export function rememberedRuns(topics: readonly string[]): number {
  return topics.length * REMEMBERED_RUNS;
}

/** @param history.posts empty for an autopilot that does not learn: all topics then weigh the same. */
export function chooseTopic(
  topics: readonly string[],
  { latestTopics, posts }: History,
  learns: boolean,
): { topic: string; choice: TopicChoice } {
  const usual = rateOf(sumOf(posts), 0);
  const figures = topics.map((topic) => {
    const sum = sumOf(posts.filter((post) => post.topic === topic));
    const relation = usual === 0 ? 1 : rateOf(sum, usual) / usual;
    const weight = round(Math.min(MOST_WEIGHT, Math.max(LEAST_WEIGHT, relation)));
    return { topic, runs: latestTopics.filter((one) => one === topic).length, ...sum, weight };
  });
  const due = (one: (typeof figures)[number]) => (one.runs + 1) / one.weight;
  const [next] = figures.toSorted((one, other) => due(one) - due(other));
  if (next === undefined) throw new TypeError('An autopilot has at least one topic.');
  if (!learns) return { topic: next.topic, choice: { reason: 'The next topic in turn.' } };
  const runs = `it had ${next.runs} of the latest ${latestTopics.length} runs`;
  const known =
    next.impressions === 0
      ? `Its posts have no results yet, and ${runs}.`
      : `Its posts had ${next.weight} times the usual reactions, and ${runs}.`;
  const reason = usual === 0 ? 'The next topic in turn: no results have been reported yet.' : known;
  return { topic: next.topic, choice: { reason, topics: figures } };
}

/** The best and the weakest posts; none before there are two to compare. */
export function examplesOf(posts: readonly PostWithResults[]): { id: string; example: EarlierPost }[] {
  if (posts.length < 2) return [];
  const usual = rateOf(sumOf(posts), 0);
  const score = (post: PostWithResults) => rateOf(sumOf([post]), usual);
  const ranked = posts.toSorted((one, other) => score(other) - score(one) || (one.id < other.id ? -1 : 1));
  const best = ranked.slice(0, Math.min(BEST_POSTS, Math.floor(ranked.length / 2)));
  const weakest = ranked.slice(best.length).slice(-WEAKEST_POSTS);
  const exampleOf = (kind: EarlierPost['kind']) => (post: PostWithResults) => ({
    id: post.id,
    example: {
      kind,
      network: post.platform,
      text: post.text.slice(0, EXAMPLE_LENGTH).toWellFormed(),
      ...post.results,
    },
  });
  return [...best.map(exampleOf('best')), ...weakest.map(exampleOf('weakest'))];
}

type Sum = { impressions: number; reactions: number };

function sumOf(posts: readonly PostWithResults[]): Sum {
  let [impressions, reactions] = [0, 0];
  for (const { results } of posts) {
    impressions += results.impressions;
    reactions += results.engagements + results.clicks;
  }
  return { impressions, reactions };
}

/** Reactions for each impression. @param usual of the impressions that are added; 0 adds none. */
function rateOf({ impressions, reactions }: Sum, usual: number): number {
  const prior = usual === 0 ? 0 : PRIOR_IMPRESSIONS;
  const shown = impressions + prior;
  return shown === 0 ? 0 : (reactions + usual * prior) / shown;
}

const round = (value: number) => Math.round(value * 100) / 100;
