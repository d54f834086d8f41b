/** The short form of `npm run fuzz`: answers split anywhere mean the same, and damaged ones are never free. */
import t from 'tap';
import { Agent } from 'undici';
import { readCorpus } from './corpus.fixture.ts';
import { fuzzOnce, fuzzSocketOnce, runChunks, splitAt, startFuzzServer } from './fuzzer.fixture.ts';

/** The long form splits at every byte. */
const BYTES_BETWEEN_SPLITS = 61;
const DAMAGED_ANSWERS = 3_000;
const DAMAGED_SOCKETS = 100;

const corpus = readCorpus();

t.test('given an answer that is split anywhere, then it means the same', async (t) => {
  for (const [position, entry] of corpus.entries()) {
    const { bytes, name } = entry;
    const whole = await runChunks(entry, [bytes]);
    const bytewise = Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
    t.strictSame(await runChunks(entry, bytewise), whole, `${name}, byte by byte`);
    for (const cut of [1, 2, 3]) {
      t.strictSame(await runChunks(entry, splitAt(bytes, cut)), whole, `${name}, split at ${cut}`);
    }
    for (let cut = position % BYTES_BETWEEN_SPLITS; cut < bytes.length; cut += BYTES_BETWEEN_SPLITS) {
      t.strictSame(await runChunks(entry, splitAt(bytes, cut)), whole, `${name}, split at ${cut}`);
    }
  }
});

t.test('given a damaged answer, then it is read or refused, and never free', async (t) => {
  for (let seed = 0; seed < DAMAGED_ANSWERS; seed += 1) await fuzzOnce(corpus, seed);
  t.pass(`${DAMAGED_ANSWERS} answers`);
});

t.test('given a damaged answer from a server, then its socket is free or closed', async (t) => {
  const server = await startFuzzServer();
  const dispatcher = new Agent();
  t.teardown(async () => {
    await dispatcher.destroy();
    await server.close();
  });
  for (let seed = 0; seed < DAMAGED_SOCKETS; seed += 1) {
    await fuzzSocketOnce(corpus, seed, server, dispatcher);
  }
  t.pass(`${DAMAGED_SOCKETS} answers`);
});
