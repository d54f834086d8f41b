/** What the content cache saves when some topics are requested far more often than others, as Zipf's law has it. */
import { startInstallation } from '#deploy/local/installation.fixture.ts';
import { parseUsd } from '#libs/money/money.ts';
import { ms, table, whole } from './report.ts';
import { median } from './statistics.ts';

const REQUESTS = 300;
const TOPICS = 200;
/** The most popular topic is requested twice as often as the second. */
const EXPONENT = 1;
const CONCURRENCY = 8;

/** A generator with a fixed seed, so that every run has the same requests. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function zipfTopics(random: () => number): number[] {
  const weights = Array.from({ length: TOPICS }, (_, rank) => 1 / (rank + 1) ** EXPONENT);
  const sum = weights.reduce((all, one) => all + one, 0);
  return Array.from({ length: REQUESTS }, () => {
    let left = random() * sum;
    return weights.findIndex((weight) => {
      left -= weight;
      return left <= 0;
    });
  });
}

type Answer = { topic: number; cached: boolean; costNanoUsd: bigint; latencyMs: number };

/** Short posts through the whole system, with the simulator as the provider. */
export async function measureContentCache(say: (line: string) => void): Promise<string> {
  const endings: (() => unknown)[] = [];
  try {
    const scope = { teardown: (end: () => unknown) => void endings.push(end) };
    const { call, customer } = await startInstallation(scope as never, 'default');
    const { token } = await customer('enterprise');
    const topics = zipfTopics(createRandom(1));
    const answers: Answer[] = [];
    let next = 0;
    const worker = async () => {
      for (;;) {
        const topic = topics[next];
        next += 1;
        if (topic === undefined) return;
        const body = { topic: `Subject number ${topic}`, content_types: ['social'], networks: ['x'] };
        const startedAt = performance.now();
        const { status, body: answer } = await call('/api/generate', token, body, {
          accept: 'application/json',
        });
        if (status !== 200)
          throw new Error(`A request was answered with ${status}: ${JSON.stringify(answer)}`);
        const latencyMs = performance.now() - startedAt;
        answers.push({
          topic,
          cached: answer.cached,
          costNanoUsd: parseUsd(answer.usage.cost_usd),
          latencyMs,
        });
        if (answers.length % 50 === 0) say(`${answers.length} of ${REQUESTS} content requests`);
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, worker));
    return report(answers);
  } finally {
    for (const end of endings.toReversed()) await end();
  }
}

function report(answers: readonly Answer[]): string {
  const written = answers.filter(({ cached }) => !cached);
  const copied = answers.filter(({ cached }) => cached);
  const priceOf = new Map(written.map(({ topic, costNanoUsd }) => [topic, costNanoUsd]));
  const paid = answers.reduce((sum, { costNanoUsd }) => sum + costNanoUsd, 0n);
  const saved = copied.reduce((sum, { topic }) => sum + (priceOf.get(topic) ?? 0n), 0n);
  const p50 = (list: readonly Answer[]) => median(list.map(({ latencyMs }) => latencyMs));
  const share = (part: bigint | number, all: bigint | number) =>
    `${((100 * Number(part)) / Number(all)).toFixed(0)} %`;
  return table(
    ['requests', 'written', 'from the cache', 'hit rate', 'money saved', 'p50 written ms', 'p50 cached ms'],
    [
      [
        whole(answers.length),
        whole(written.length),
        whole(copied.length),
        share(copied.length, answers.length),
        share(saved, paid + saved),
        ms(p50(written)),
        ms(p50(copied)),
      ],
    ],
  );
}
