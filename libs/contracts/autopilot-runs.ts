/**
 * `/internal/v1/autopilot-runs`: how a run becomes a content job. Generation schedules it and enqueues
 * `start-autopilot-run`; the gateway reads it, plans and holds it as a request of its creator, and reports a refusal.
 */
import { z } from 'zod';
import { RUN_STATUSES } from './autopilot-kinds.ts';
import { contentInputs } from './content-inputs.ts';

/** The task of the gateway that starts a run. */
export const START_AUTOPILOT_RUN = 'start-autopilot-run';

/** Its payload: the run, and whom it runs for. */
export const startAutopilotRun = z.object({
  runId: z.uuid(),
  accountId: z.uuid(),
  userId: z.uuid().nullable(),
  keyId: z.uuid().nullable(),
  workspaceId: z.uuid().nullable(),
});
export type StartAutopilotRun = z.infer<typeof startAutopilotRun>;

export const AUTOPILOT_RUN_ROUTE = '/internal/v1/autopilot-runs/:id';
export const REFUSE_AUTOPILOT_RUN_ROUTE = `${AUTOPILOT_RUN_ROUTE}/refuse`;
export const autopilotRunPath = (id: string): string => `/internal/v1/autopilot-runs/${id}`;
export const refuseAutopilotRunPath = (id: string): string => `${autopilotRunPath(id)}/refuse`;

/** A run as the gateway starts it. */
export const runToStart = z.object({
  status: z.enum(RUN_STATUSES),
  request: z.looseObject({}),
  inputs: contentInputs,
});

/** Why a run was refused: a problem document, or that there is no one any more whom it runs for. */
export const runRefusal = z.object({
  problem: z.looseObject({ code: z.string(), detail: z.string() }),
  creator_removed: z.boolean(),
});
export type RunRefusal = z.infer<typeof runRefusal>;
