/**
 * 1. Bounds. Requests of every shape, for models of three vendors, while the provider uses all that its documentation
 * allows, more than that, reports nothing, or reports late. It counts the prompts by itself, so a bound that is too small
 * shows as a call above its hold. Then the same requests meet a limit that not all of them fit.
 */
import { createAccounts, type ProofAccount, setLimits, worth } from '../accounts.ts';
import { chatUntil, type Outcome } from '../calls.ts';
import { examine, figures, isRefused } from '../examine.ts';
import { type CaseResult, clientOf, joinResults, type Proof } from '../proof.ts';
import { ABOVE_WINDOW, hasPublicTokenizer, SHAPES, type Shape } from '../shapes.ts';

/** `libs/simulators/README.md` describes them. */
const MODES = ['counted', 'max', 'zero', 'late', 'more'] as const;
type Mode = (typeof MODES)[number];
type Wanted = { shape: Shape; model: string; mode: Mode };

const WORKERS = 12;
const ROUNDS = 4;
const ROOM_CALLS = 10_000_000;

export async function runBounds(proof: Proof): Promise<CaseResult> {
  const accounts = (await createAccounts(proof.clients, 2)) as [ProofAccount, ProofAccount];
  const [roomy, tight] = accounts;
  const rounds = Array.from({ length: proof.isQuick ? 1 : ROUNDS }, () => everyRequest()).flat();
  await setLimits(proof.system.pool, roomy.id, [worth('cost', ROOM_CALLS)]);
  const first = await sendAll(proof, roomy, 'bounds: room for everything', rounds);
  const kept = rounds.filter(({ mode }) => mode !== 'more');
  const amount = first.withinHoldsNanoUsd / 3n;
  await setLimits(proof.system.pool, tight.id, [{ meter: 'cost', amount }]);
  const second = await sendAll(proof, tight, 'bounds: a limit that binds', kept, amount);
  return joinResults([first.result, second.result]);
}

function everyRequest(): Wanted[] {
  return SHAPES.flatMap((shape) =>
    shape.models.flatMap((model) =>
      MODES.filter((mode) => mode !== 'zero' || !shape.isDense || hasPublicTokenizer(model)).map((mode) => ({
        shape,
        model,
        mode,
      })),
    ),
  );
}

async function sendAll(
  proof: Proof,
  account: ProofAccount,
  name: string,
  wanted: readonly Wanted[],
  limit?: bigint,
): Promise<{ result: CaseResult; withinHoldsNanoUsd: bigint }> {
  proof.progress(name);
  const since = new Date();
  const outcomes: Outcome[] = [];
  const differences: string[] = [];
  const waiting = [...wanted.entries()];
  const send = ({ shape, model, mode }: Wanted, index: number) => {
    const maxTokens = proof.random.integer(16, 120);
    return chatUntil(clientOf(proof, index), {
      token: account.key.text,
      model,
      maxTokens,
      stream: mode === 'late' || index % 2 === 0,
      body: shape.body(`usage=${mode}`, proof.random),
    });
  };
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [index, request] = next;
      const outcome = await send(request, index);
      outcomes.push(outcome);
      if (outcome.isComplete || (limit !== undefined && isRefused(outcome))) continue;
      const answer = `${outcome.status} ${outcome.code ?? ''}`.trim();
      differences.push(`${request.shape.name} for ${request.model} (${request.mode}) was answered ${answer}`);
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, work));
  for (const model of ABOVE_WINDOW.models) {
    const { code } = await send({ shape: ABOVE_WINDOW, model, mode: 'counted' }, 0);
    if (code !== 'prompt_too_large') differences.push(`${ABOVE_WINDOW.name} was answered ${code}`);
  }

  const found = await examine(proof, { accountIds: [account.id], since, outcomes });
  differences.push(...found.differences);
  const overruns = found.ledgerState.rows.filter(({ overrun }) => overrun).length;
  const asked = wanted.filter(({ mode }) => mode === 'more').length;
  if (overruns !== asked) differences.push(`${overruns} calls above their holds, ${asked} were asked for`);
  if (limit !== undefined && !outcomes.some(isRefused)) differences.push('the limit did not bind');
  const row = {
    case: name,
    ...figures(found, outcomes),
    expected: `${asked} overruns: ${overruns}`,
    ...(limit !== undefined && { limit: String(limit) }),
    isRight: differences.length === 0,
  };
  return {
    result: {
      rows: [row],
      notes: [`${name}: ${found.partialRows} calls were counted, ${found.boundRows} count at their bound.`],
      differences: differences.map((difference) => `${name}: ${difference}`),
    },
    withinHoldsNanoUsd: found.ledgerState.rows.reduce(
      (sum, { overrun, costNanoUsd }) => (overrun ? sum : sum + costNanoUsd),
      0n,
    ),
  };
}
