/** Splits and damages the corpus, reproducibly by seed. */
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Dispatcher } from 'undici';
import type { CorpusCase } from './corpus.fixture.ts';
import { checkInvariants, type Observed, runAnswer } from './run-answer.fixture.ts';

export type Random = () => number;

/** Uniform in [0, 1): mulberry32. */
export function randomOf(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const below = (random: Random, limit: number) => Math.floor(random() * limit);
export const pick = <T>(random: Random, list: readonly T[]): T => list[below(random, list.length)] as T;

const GARBAGE = [
  '\n\n',
  '\r',
  ':\n\n',
  'data:\n\n',
  'data: [DONE]\n\n',
  'data: null\n\n',
  'data: []\n\n',
  'data: {}\n\n',
  'data: "x"\n\n',
  'data: {"error":{"message":"Overloaded"}}\n\n',
  'data: {"choices":[{"delta":{"content":"extra"}}]}\n\n',
  'data: {"choices":[],"usage":{"prompt_tokens":0,"completion_tokens":0}}\n\n',
  'id: 7\nevent: x\nretry: 1\n\n',
  '\ufeff',
  '\u0000\u0001',
  '}{][',
  '"',
  '<html>',
].map((text) => Buffer.from(text));

type Mutation = (bytes: Buffer, random: Random) => Buffer;

const eventsOf = (bytes: Buffer) => bytes.toString('latin1').split(/(?<=\n\n|\r\n\r\n)/);
const joined = (events: readonly string[]) => Buffer.from(events.join(''), 'latin1');

const MUTATIONS: readonly Mutation[] = [
  function dropEvent(bytes, random) {
    const events = eventsOf(bytes);
    events.splice(below(random, events.length), 1);
    return joined(events);
  },
  function repeatEvent(bytes, random) {
    const events = eventsOf(bytes);
    const at = below(random, events.length);
    events.splice(at, 0, events[at] ?? '');
    return joined(events);
  },
  function swapEvents(bytes, random) {
    const events = eventsOf(bytes);
    const [one, other] = [below(random, events.length), below(random, events.length)];
    [events[one], events[other]] = [events[other] ?? '', events[one] ?? ''];
    return joined(events);
  },
  function truncate(bytes, random) {
    return bytes.subarray(0, below(random, bytes.length + 1));
  },
  function insertGarbage(bytes, random) {
    const at = below(random, bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, at), pick(random, GARBAGE), bytes.subarray(at)]);
  },
  function changeByte(bytes, random) {
    const changed = Buffer.from(bytes);
    if (changed.length > 0) changed[below(random, changed.length)] = below(random, 256);
    return changed;
  },
  function removeBytes(bytes, random) {
    const at = below(random, bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + below(random, 20))]);
  },
  function changeNumber(bytes, random) {
    const value = pick(random, [
      '0',
      '-1',
      '1e400',
      '999999999999999999999',
      'null',
      '"7"',
      '{}',
      '[]',
      '1.5',
    ]);
    let left = below(random, 12);
    return Buffer.from(
      bytes.toString('latin1').replaceAll(/(?<=":\s?)\d+/g, (number) => (left-- === 0 ? value : number)),
      'latin1',
    );
  },
  function changeValue(bytes, random) {
    const value = pick(random, ['null', 'true', '{}', '[]', '[null]', '{"a":{"b":[]}}', '""', '7']);
    let left = below(random, 20);
    return Buffer.from(
      bytes.toString('latin1').replaceAll(/(?<=":\s?)"[^"\\]*"/g, (text) => (left-- === 0 ? value : text)),
      'latin1',
    );
  },
];

export function damage(bytes: Buffer, random: Random): Buffer {
  let damaged = bytes;
  for (let count = 1 + below(random, 3); count > 0; count -= 1) {
    damaged = pick(random, MUTATIONS)(damaged, random);
  }
  return damaged;
}

export function splitAt(bytes: Buffer, ...cuts: number[]): Buffer[] {
  const places = [0, ...cuts, bytes.length];
  return places.slice(1).map((end, index) => bytes.subarray(places[index], end));
}

export function splitRandomly(bytes: Buffer, random: Random): Buffer[] {
  const cuts = Array.from({ length: below(random, 6) }, () => below(random, bytes.length + 1));
  return splitAt(bytes, ...cuts.sort((one, other) => one - other));
}

/** A connection that delivers these chunks at once, and then ends or breaks. */
export function dispatcherOf(chunks: readonly Buffer[], isReset = false): Dispatcher {
  const dispatch: Dispatcher['dispatch'] = (_options, handler) => {
    let isAborted = false;
    const controller = {
      abort: () => {
        isAborted = true;
      },
      pause: () => undefined,
      resume: () => undefined,
      paused: false,
      aborted: false,
      reason: null,
      rawHeaders: null,
      rawTrailers: null,
    } as unknown as Dispatcher.DispatchController;
    handler.onRequestStart?.(controller, {});
    handler.onResponseStart?.(controller, 200, {}, 'OK');
    for (const chunk of chunks)
      if (!isAborted && chunk.length > 0) handler.onResponseData?.(controller, chunk);
    if (isAborted) return true;
    if (isReset) {
      const error = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', syscall: 'read' });
      handler.onResponseError?.(controller, error);
    } else handler.onResponseEnd?.(controller, {});
    return true;
  };
  return { dispatch } as unknown as Dispatcher;
}

/** Runs an answer in memory. */
export function runChunks(entry: CorpusCase, chunks: readonly Buffer[], isReset = false): Promise<Observed> {
  const dispatcher = dispatcherOf(chunks, isReset);
  return runAnswer(entry, { url: 'http://provider.invalid', dispatcher, stream: true });
}

type DamagedAnswer = { entry: CorpusCase; bytes: Buffer; chunks: Buffer[]; isReset: boolean };

function damagedAnswer(corpus: readonly CorpusCase[], seed: number): DamagedAnswer {
  const random = randomOf(seed);
  const entry = pick(random, corpus);
  const bytes = damage(entry.bytes, random);
  return { entry, bytes, isReset: random() < 0.3, chunks: splitRandomly(bytes, random) };
}

async function check({ entry, bytes }: DamagedAnswer, seed: number, run: Promise<Observed>): Promise<void> {
  try {
    checkInvariants(await run);
  } catch (cause) {
    throw new Error(`seed ${seed}, ${entry.name}: ${cause}\n${bytes.toString('latin1')}`, { cause });
  }
}

/** One damaged answer in memory. @throws Error that names the seed. */
export async function fuzzOnce(corpus: readonly CorpusCase[], seed: number): Promise<void> {
  const answer = damagedAnswer(corpus, seed);
  await check(answer, seed, runChunks(answer.entry, answer.chunks, answer.isReset));
}

/** How one answer was served. A request that never arrived has no response that could stay open. */
type Served = { hasArrived: boolean; closed: PromiseWithResolvers<void> };

/** A server that sends the next answer. */
export type FuzzServer = {
  url: string;
  next: (answer: DamagedAnswer) => Served;
  close: () => Promise<void>;
};

const MAX_OPEN_MS = 5_000;
/** Longer than a busy machine pauses a process. */
const STUCK_MS = 60_000;

export async function startFuzzServer(): Promise<FuzzServer> {
  let answer: DamagedAnswer | undefined;
  let served: Served | undefined;

  async function send(response: ServerResponse): Promise<void> {
    const { closed } = served ?? {};
    if (served) served.hasArrived = true;
    response.once('close', () => closed?.resolve());
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const { chunks = [], isReset, bytes } = answer ?? {};
    for (const chunk of chunks) {
      response.write(chunk);
      await new Promise((resolve) => setImmediate(resolve));
    }
    // an answer that is complete may stay open
    if (!isReset) response.end();
    else if (bytes?.includes('[DONE]\n\n')) setTimeout(() => response.destroy(), MAX_OPEN_MS).unref();
    else response.destroy();
  }

  const server = createServer((request, response) => {
    request.resume();
    void send(response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    next(given) {
      answer = given;
      served = { hasArrived: false, closed: Promise.withResolvers() };
      return served;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** One damaged answer from a server, whose response must have ended soon after the call. */
export async function fuzzSocketOnce(
  corpus: readonly CorpusCase[],
  seed: number,
  server: FuzzServer,
  dispatcher: Dispatcher,
): Promise<void> {
  const answer = damagedAnswer(corpus, seed);
  const served = server.next(answer);
  await check(answer, seed, runAnswer(answer.entry, { url: server.url, dispatcher, stream: true }));
  if (!served.hasArrived) return;
  const timer = setTimeout(() => {
    throw new Error(`seed ${seed}, ${answer.entry.name}: the socket is stuck`);
  }, STUCK_MS);
  await served.closed.promise;
  clearTimeout(timer);
}
