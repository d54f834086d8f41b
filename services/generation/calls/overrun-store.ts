import { type Database, transaction } from '#libs/db/database.ts';
import { emit } from '#libs/outbox/emit.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import type { Overrun } from './domain/flag-call.ts';

/** Emits `usage.overrun`, in a transaction after the settlement's own. The usage row is marked in any case. */
export async function emitOverrun(
  database: Database,
  { holdId, accountId, callIndex, provider, model, costNanoUsd, tokens }: Overrun,
  { clock, newId }: Pick<Runtime, 'clock' | 'newId'>,
): Promise<void> {
  const payload = {
    request_id: holdId,
    call_index: callIndex,
    provider,
    model,
    cost_nano_usd: costNanoUsd.toString(),
    tokens,
  };
  const event = { id: newId(), type: 'usage.overrun', accountId, payload, createdAt: clock.now() } as const;
  await transaction(database, (tx) => emit(tx, event, newId));
}
