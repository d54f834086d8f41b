/** What the gateway asks of a run that it starts. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import {
  AUTOPILOT_RUN_ROUTE,
  REFUSE_AUTOPILOT_RUN_ROUTE,
  type RunRefusal,
  runRefusal,
  runToStart,
} from '#libs/contracts/autopilot-runs.ts';
import { problem } from '#libs/problems/problems.ts';
import { callerOf } from '#libs/service/internal-calls.ts';
import { endUnstartedRun } from './finish-run.ts';
import type { AutopilotRouteOptions } from './routes.ts';
import { findRun } from './runs-store.ts';

const params = z.object({ id: z.uuid() });
type RunParams = { Params: { id: string } };

export function autopilotRunRoutes(
  app: FastifyInstance,
  { database, runtime }: Pick<AutopilotRouteOptions, 'database' | 'runtime'>,
): void {
  async function get(accountId: string, id: string) {
    const run = await findRun(database, accountId, id);
    if (run === undefined) throw problem('not_found');
    return run;
  }

  app.get<RunParams>(
    AUTOPILOT_RUN_ROUTE,
    { schema: { params, response: { 200: runToStart } } },
    async (request) => {
      const { status, request: asked, inputs } = await get(callerOf(request).accountId, request.params.id);
      return { status, request: asked, inputs };
    },
  );

  app.post<RunParams & { Body: RunRefusal }>(
    REFUSE_AUTOPILOT_RUN_ROUTE,
    { schema: { params, body: runRefusal } },
    async (request, reply) => {
      const run = await get(callerOf(request).accountId, request.params.id);
      await endUnstartedRun({ database, runtime }, run, 'refused', request.body);
      return reply.code(204).send();
    },
  );
}
