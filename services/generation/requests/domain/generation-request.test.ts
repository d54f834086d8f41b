import t from 'tap';
import type { GenerationRequestHead } from '#libs/contracts/generation-requests.ts';
import type { Caller } from '#libs/contracts/internal-context.ts';
import { createActiveRequests } from './active-requests.ts';
import { type GenerationRequestOptions, runGenerationRequest } from './generation-request.ts';

const caller: Caller = {
  accountId: 'a1',
  userId: null,
  keyId: 'k1',
  workspaceId: null,
  role: 'member',
  platformRole: 'none',
  scopes: [],
};

const head: GenerationRequestHead = {
  requestId: 'r1',
  caller,
  plan: { kind: 'chat', calls: [] },
  holdExpiresAtMs: 0,
  holdMsLeft: 60_000,
  storeResponse: false,
};

/** Why the request has ended at once, given this margin. */
async function reasonAtOnce(deadlineMarginMs: number) {
  const activeRequests = createActiveRequests({ drainTimeoutMs: 0 });
  const options = {
    activeRequests,
    deadlineMarginMs,
    ledger: { close: async () => undefined },
  } as unknown as GenerationRequestOptions;
  return runGenerationRequest(options, head, { onGone: () => undefined }, async ({ active }) => {
    activeRequests.endOverdue();
    return active.reason();
  });
}

t.test('given a hold of a minute, then the request ends before it by the margin', async (t) => {
  t.equal(await reasonAtOnce(10_000), null, 'it has 50 seconds');
  t.equal(await reasonAtOnce(60_000), 'deadline', 'the margin takes the whole hold');
});
