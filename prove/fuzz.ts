/**
 * `npm run fuzz -- [--minutes 30] [--seed 0]`: the long form of `services/generation/providers/corpus/fuzz.test.ts`. Until
 * the time is over, it splits the answers of the corpus at every byte, in turn with damaged answers: in memory, and one in 20
 * from a real server, whose sockets must be free afterwards.
 */
import { parseArgs } from 'node:util';
import { Agent } from 'undici';
import { readCorpus } from '#services/generation/providers/corpus/corpus.fixture.ts';
import {
  fuzzOnce,
  fuzzSocketOnce,
  runChunks,
  splitAt,
  startFuzzServer,
} from '#services/generation/providers/corpus/fuzzer.fixture.ts';

const PROGRESS_MS = 10_000;
const SOCKET_SHARE = 20;

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '30' }, seed: { type: 'string', default: '0' } },
});
const endsAt = Date.now() + Number(values.minutes) * 60_000;
const corpus = readCorpus();
let answers = 0;
let seed = Number(values.seed);
let shownAt = Date.now();

/** Splits the next answer at its next byte. */
async function* splits(): AsyncGenerator<string, void, undefined> {
  for (const entry of corpus) {
    const whole = JSON.stringify(await runChunks(entry, [entry.bytes]));
    for (let cut = 1; cut < entry.bytes.length; cut += 1) {
      const split = JSON.stringify(await runChunks(entry, splitAt(entry.bytes, cut)));
      if (split !== whole) throw new Error(`${entry.name}, split at ${cut}:\n${split}\ninstead of\n${whole}`);
      yield `${entry.name} split at ${cut}`;
    }
  }
}

const server = await startFuzzServer();
const dispatcher = new Agent();
const remaining = splits();
let state = '';
try {
  for (; Date.now() < endsAt; seed += 1) {
    if (seed % SOCKET_SHARE === 0) await fuzzSocketOnce(corpus, seed, server, dispatcher);
    else await fuzzOnce(corpus, seed);
    const { value, done } = await remaining.next();
    state = done ? 'all splits done' : value;
    answers += done ? 1 : 2;
    if (Date.now() - shownAt < PROGRESS_MS) continue;
    shownAt = Date.now();
    console.log(
      `${answers} answers, seed ${seed}, ${state}, ${Math.ceil((endsAt - shownAt) / 60_000)} minutes left`,
    );
  }
  console.log(`No finding in ${answers} answers: seeds to ${seed - 1}, ${state}.`);
} finally {
  await dispatcher.destroy();
  await server.close();
}
