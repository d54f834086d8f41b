/** Starts the run of an autopilot: the request of its creator, through the same pipeline as every other. */
import { callFirst } from '#libs/clients/call-first.ts';
import type { InternalClient } from '#libs/clients/internal-client.ts';
import {
  autopilotRunPath,
  type RunRefusal,
  refuseAutopilotRunPath,
  runToStart,
  type StartAutopilotRun,
} from '#libs/contracts/autopilot-runs.ts';
import { generateRequest } from '#libs/contracts/generate.ts';
import { type Caller, SERVICE_CALLER } from '#libs/contracts/internal-context.ts';
import type { Database } from '#libs/db/database.ts';
import { ProblemError, problem, toProblemJson } from '#libs/problems/problems.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { checkAccountStatus } from '../accounts/domain.ts';
import { backgroundContent } from '../content/plugin.ts';
import { serveWithoutClient } from '../metering/plugin.ts';
import { findAccountStatus, findCreator } from './store.ts';

export type StartRunOptions = {
  database: Database;
  runtime: Pick<Runtime, 'clock' | 'newId'>;
  metering: Parameters<typeof serveWithoutClient>[0];
  /** One for each generation address. */
  generation: readonly InternalClient[];
  searchProviders: readonly string[];
};

const CREATOR_REMOVED = {
  code: 'not_found',
  detail: 'The user, API key or workspace that the autopilot runs for has been removed.',
};

/**
 * Every attempt is a request of its own; generation makes only the first that arrives the job of the run.
 *
 * @throws Error if the run can be started later.
 */
export async function startRun(options: StartRunOptions, run: StartAutopilotRun): Promise<void> {
  const { database, runtime, generation } = options;
  const creator = await findCreator(database, run, runtime.clock.now());
  if (creator === null) return refuse(options, run, { problem: CREATOR_REMOVED, creator_removed: true });
  const requestId = runtime.newId();
  try {
    checkAccountStatus(await findAccountStatus(database, run.accountId), 'account_suspended');
    const path = autopilotRunPath(run.runId);
    const answer = await callFirst(generation, { method: 'GET', path, requestId, caller: creator });
    const { status, request, inputs } = runToStart.parse(answer);
    if (status !== 'starting') return;
    const body = { ...generateRequest.parse(request), inputs };
    await submit(options, { id: requestId, body, caller: creator });
  } catch (error) {
    if (!(error instanceof ProblemError) || !isRefusal(error)) throw error;
    await refuse(options, run, { problem: toProblemJson(error, requestId), creator_removed: false });
  }
}

type RunRequest = Parameters<typeof serveWithoutClient>[2];

/** @throws ProblemError for every refusal, generation's included. */
async function submit(
  { metering, generation, searchProviders }: StartRunOptions,
  request: RunRequest & { body: ReturnType<typeof generateRequest.parse> },
): Promise<void> {
  const route = backgroundContent({ generation, searchProviders, priceBook: metering.priceBook });
  const { status, body } = await serveWithoutClient(metering, route, request);
  if (status < 300) return;
  const { code, detail, ...fields } = JSON.parse(body.toString('utf8'));
  throw problem(code, { detail, fields });
}

/** What a later attempt would not change. A run that is refused is deleted, has a job, or waits for its autopilot's next. */
function isRefusal({ code, status }: ProblemError): boolean {
  return code === 'emergency_stop' || (status < 500 && code !== 'rate_limited');
}

async function refuse(
  { generation, runtime }: StartRunOptions,
  { runId, accountId }: StartAutopilotRun,
  refusal: RunRefusal,
): Promise<void> {
  const caller: Caller = { ...SERVICE_CALLER, accountId };
  await callFirst(generation, {
    ...{ method: 'POST', path: refuseAutopilotRunPath(runId), requestId: runtime.newId(), caller },
    body: refusal,
  }).catch((error: unknown) => {
    // The autopilot was deleted meanwhile.
    if (!(error instanceof ProblemError) || error.code !== 'not_found') throw error;
  });
}
