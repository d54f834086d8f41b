import type { InternalClient } from '#libs/clients/internal-client.ts';
import { storedResponse, storedResponsePath } from '#libs/contracts/stored-response.ts';
import { createFailover } from '#libs/http/failover.ts';
import type { Idempotency } from './domain.ts';

/** Asks generation what became of a request. Every process can answer: stored responses are in the database. */
export function createOutcomeReader(clients: readonly InternalClient[]): Idempotency['readOutcome'] {
  const failover = createFailover(clients);
  return (requestId, caller) =>
    failover(async (client) => {
      const path = storedResponsePath(requestId);
      const { status, body } = await client.call({ method: 'GET', path, requestId, caller });
      if (status !== 200) throw new Error(`Generation answered ${status} for a stored response.`);
      const stored = storedResponse.parse(body);
      if (stored.state !== 'done') return stored;
      return {
        state: 'done',
        response: {
          status: stored.status,
          headers: stored.headers,
          body: Buffer.from(stored.body_base64, 'base64'),
        },
      };
    });
}
