import t from 'tap';
import { chooseTopic, examplesOf, type PostWithResults } from './topics.ts';

const post = (id: string, topic: string, impressions: number, engagements: number): PostWithResults => ({
  id,
  topic,
  platform: 'linkedin',
  text: `Post ${id}`,
  results: { impressions, engagements, clicks: 0 },
});

t.test('without results, topics come in turn', async (t) => {
  const topics = ['a', 'b', 'c'];
  const latestTopics: string[] = [];
  for (let run = 0; run < 6; run += 1)
    latestTopics.unshift(chooseTopic(topics, { latestTopics, posts: [] }, false).topic);
  t.strictSame(latestTopics.toReversed(), ['a', 'b', 'c', 'a', 'b', 'c']);
});

t.test('with results, topics come in relation to their reactions', async (t) => {
  // 9 % and 3 % of the impressions, with the usual 6 % for 1,000 more: 8.5 % and 3.5 %.
  const posts = [post('1', 'good', 5_000, 450), post('2', 'weak', 5_000, 150)];
  const latestTopics: string[] = [];
  let weights: unknown;
  for (let run = 0; run < 12; run += 1) {
    const { topic, choice } = chooseTopic(['good', 'weak'], { latestTopics, posts }, true);
    weights ??= choice.topics?.map(({ weight }) => weight);
    latestTopics.unshift(topic);
  }
  t.strictSame(weights, [1.42, 0.58]);
  t.strictSame(
    ['good', 'weak'].map((topic) => latestTopics.filter((one) => one === topic).length),
    [9, 3],
  );
  t.match(chooseTopic(['good', 'weak'], { latestTopics: [], posts }, true).choice.reason, /1\.42 times/);
});

t.test('a few lucky impressions decide nothing, and a weight has bounds', async (t) => {
  const weightsOf = (posts: PostWithResults[]) =>
    chooseTopic(['a', 'b'], { latestTopics: [], posts }, true).choice.topics?.map(({ weight }) => weight);
  t.strictSame(weightsOf([post('1', 'a', 4, 4), post('2', 'b', 10_000, 500)]), [1.08, 0.99]);
  t.strictSame(weightsOf([post('1', 'a', 90_000, 0), post('2', 'b', 1_000, 1_000)]), [0.25, 4]);
  t.strictSame(weightsOf([post('1', 'a', 0, 0), post('2', 'b', 0, 0)]), [1, 1]);
});

t.test('the best and the weakest posts are examples, without an overlap', async (t) => {
  const kinds = (count: number) =>
    examplesOf(Array.from({ length: count }, (_, n) => post(String(n), 'a', 1_000, n * 10))).map(
      ({ id, example }) => `${example.kind} ${id}`,
    );
  t.strictSame(kinds(1), []);
  t.strictSame(kinds(2), ['best 1', 'weakest 0']);
  t.strictSame(kinds(9), ['best 8', 'best 7', 'best 6', 'weakest 1', 'weakest 0']);
});
