import type { Database } from '#libs/db/database.ts';
import type { Lease, LeaseRequest } from './domain/shared-counters.ts';
import { leaseRequests } from './store.ts';

type Waiting = { request: LeaseRequest; resolve: (lease: Lease) => void; reject: (error: unknown) => void };

/** Leases that are requested while a statement runs go together in the next one. */
export function createLeaseBatch(database: Database): (request: LeaseRequest) => Promise<Lease> {
  let waiting: Waiting[] = [];
  let isRunning = false;

  async function run(): Promise<void> {
    isRunning = true;
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      try {
        const leases = await leaseRequests(
          database,
          batch.map(({ request }) => request),
        );
        for (const { request, resolve } of batch) resolve(leases.get(request.key) as Lease);
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    isRunning = false;
  }

  return (request) =>
    new Promise((resolve, reject) => {
      waiting.push({ request, resolve, reject });
      if (!isRunning) void run();
    });
}
