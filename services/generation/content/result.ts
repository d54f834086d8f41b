/** The response of `POST /api/generate`, from the job alone: a job outlives the process that was to answer with it. */
import type { StoredResponse } from '#libs/contracts/stored-response.ts';
import { formatEvent } from '#libs/http/sse-writer.ts';
import { toProblemJson } from '#libs/problems/problems.ts';
import { contextOf, isFinal } from '../jobs/domain/job.ts';
import type { EventRow, GenerationRow, JobApi } from '../jobs/plugin.ts';
import { storedResponseOf } from '../requests/domain/figures.ts';
import {
  type ContentResult,
  createContentEvents,
  failureOfJob,
  figuresOfJob,
  presentContent,
} from './present.ts';

export async function readResult(
  jobs: Pick<JobApi, 'find' | 'documents'>,
  row: GenerationRow,
  last: EventRow | undefined,
  context: Pick<ContentResult, 'planContext' | 'generatedAt'>,
): Promise<ContentResult> {
  const job = (await jobs.find(row.accountId, row.id)) ?? row;
  const budgetState = String(last?.data.budget_state ?? 'ok') as ContentResult['budgetState'];
  return { ...context, job, documents: await jobs.documents(row.id), budgetState };
}

/** Server-sent events, which are also kept as one text. */
export function createTranscript() {
  let text = '';
  return {
    add(event: string, data: object) {
      const written = { event, data: JSON.stringify(data) };
      text += formatEvent(written);
      return written;
    },
    text: () => text,
  };
}

/**
 * What became of a request whose process died before it stored the response. Its job has been paid for, or runs in
 * another process.
 */
export async function recoverContent(
  jobs: Pick<JobApi, 'find' | 'documents' | 'events'>,
  requestId: string,
  accountId: string,
): Promise<StoredResponse | undefined> {
  const row = await jobs.find(accountId, requestId);
  const response = row && contextOf(row).response;
  if (row === undefined || response === undefined || response.kind === 'job') return undefined;
  if (!isFinal(row.status) || row.finishedAt === null) return { state: 'running' };
  const events = await jobs.events(row.id);
  const result = await readResult(jobs, row, events.at(-1), {
    planContext: response.planContext,
    generatedAt: row.finishedAt,
  });
  const failure = failureOfJob(result);
  if (failure !== null) {
    const body = Buffer.from(JSON.stringify(toProblemJson(failure, requestId)));
    const headers = { ...failure.headers, 'content-type': 'application/problem+json' };
    return { state: 'done', status: failure.status, headers, body_base64: body.toString('base64') };
  }
  const content = presentContent(result);
  const text = response.kind === 'json' ? JSON.stringify(content) : transcriptOf(events, content);
  const { status, headers, body } = storedResponseOf(response.kind, figuresOfJob(result), Buffer.from(text));
  return { state: 'done', status, headers, body_base64: body.toString('base64') };
}

function transcriptOf(events: readonly EventRow[], content: object): string {
  const transcript = createTranscript();
  const toContentEvent = createContentEvents();
  for (const event of events) {
    const sent = toContentEvent(event);
    if (sent !== null) transcript.add(sent.event, sent.data);
  }
  transcript.add('complete', content);
  return transcript.text();
}
