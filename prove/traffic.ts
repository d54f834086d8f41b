/** Mixed load during faults: every kind of call. */
import { setTimeout as delay } from 'node:timers/promises';
import type { ProofAccount } from './accounts.ts';
import type { GatewayClient, Outcome } from './calls.ts';
import type { Proof } from './proof.ts';
import type { Random } from './random.ts';
import { SHAPES, type Shape } from './shapes.ts';

/** Models of three vendors, each with its own wire format, and the proof's model. */
const MODELS = ['gpt-4o-mini', 'claude-3-5-haiku', 'gemini-2.0-flash', 'proof-small'] as const;
const WORKERS = 24;
/** A call that is cut off may be an estimate, which is not meant for dense texts. */
const COUNTABLE_SHAPES = SHAPES.filter(({ isDense }) => !isDense) as [Shape, ...Shape[]];
/** Delay of a caller after a failure. */
const PAUSE_MS = 50;

export type Traffic = {
  /** Stops the load when every call has its response or has lost its connection. */
  end: () => Promise<Outcome[]>;
};

export function startTraffic(proof: Proof, accounts: readonly ProofAccount[]): Traffic {
  const outcomes: Outcome[] = [];
  const ending = new AbortController();
  const workers = Array.from({ length: WORKERS }, async (_, worker) => {
    for (let turn = 0; !ending.signal.aborted; turn += 1) {
      const client = proof.clients[(worker + turn) % 2 === 0 ? 0 : 1];
      const account = accounts[(worker + turn) % accounts.length] as ProofAccount;
      const outcome = await oneCall(proof, client, account.key.text);
      // Texts are not compared here, and there are many.
      outcomes.push({ ...outcome, body: '' });
      if (!outcome.isComplete) await delay(PAUSE_MS);
    }
  });
  return {
    async end() {
      ending.abort();
      await Promise.all(workers);
      return outcomes;
    },
  };
}

/** Tools, schemas, images and prompts near a window, whose tokens the provider counts by itself. */
function ofAnyShape(random: Random, client: GatewayClient, token: string): Promise<Outcome> {
  const shape = random.pick(COUNTABLE_SHAPES);
  const model = shape.models[random.integer(0, shape.models.length - 1)] as string;
  const stream = random.integer(0, 1) === 0;
  const simulate = `usage=counted,tokens=${random.integer(1, 100)},slow=${random.integer(0, 100)}`;
  return client.chat({ token, model, maxTokens: 100, stream, body: shape.body(simulate, random) });
}

function oneCall({ random }: Proof, client: GatewayClient, token: string): Promise<Outcome> {
  const kind = random.integer(1, 10);
  if (kind === 1)
    return client.generate({
      token,
      topic: `Ideas to try ${random.integer(1, 1_000)}`,
      model: 'gpt-4o-mini',
    });
  if (kind === 2) return ofAnyShape(random, client, token);
  const model = random.pick(MODELS);
  const maxTokens = model === 'proof-small' ? 40 : random.integer(20, 200);
  if (kind <= 5) {
    const simulate = `tokens=${random.integer(1, maxTokens)},slow=${random.integer(0, 300)}`;
    return client.chat({ token, model, maxTokens, simulate });
  }
  const chunks = random.integer(2, 10);
  return client.chat({
    token,
    model,
    maxTokens,
    stream: true,
    simulate: `fill,chunks=${chunks},chunk_delay=30`,
  });
}
