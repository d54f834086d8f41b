/** `POST /internal/v1/content`: a job whose request waits for its end and answers with the results. */
import type { ServerResponse } from 'node:http';
import {
  GENERATION_PATHS,
  GENERATION_REQUEST_TYPE,
  type GenerationRequestHead,
} from '#libs/contracts/generation-requests.ts';
import { readTraceparent } from '#libs/http/traceparent.ts';
import { toProblemJson } from '#libs/problems/problems.ts';
import { type DirectRequest, recordFailure } from '#libs/service/direct-routes.ts';
import type { Metrics } from '#libs/service/metrics.ts';
import type { Clock } from '#libs/service/runtime.ts';
import { figureHeaders } from '../calls/domain/run-call.ts';
import { wantsJson } from '../jobs/domain/job.ts';
import type { EventRow, GenerationRow, JobApi } from '../jobs/plugin.ts';
import { storedResponseOf } from '../requests/domain/figures.ts';
import type { StoredResponseSlot, StoredResponses } from '../stored-responses/domain.ts';
import { createContentEvents, failureOfJob, figuresOfJob, presentContent } from './present.ts';
import { createTranscript, readResult } from './result.ts';

export type ContentRouteOptions = {
  jobs: JobApi;
  storedResponses: StoredResponses;
  metrics: Pick<Metrics, 'recordRefusal'>;
  clock: Clock;
  bodyLimitBytes: number;
};

type ContentRequest = ContentRouteOptions & {
  request: DirectRequest;
  head: GenerationRequestHead;
  slot: StoredResponseSlot | null;
};

/** The head of a request with its plan of calls. */
const MAX_HEAD_BYTES = 1024 * 1024;

export function contentRoute(options: ContentRouteOptions): void {
  const { jobs, storedResponses } = options;
  jobs.addRoute({
    path: GENERATION_PATHS.generate,
    contentType: GENERATION_REQUEST_TYPE,
    bodyLimitBytes: options.bodyLimitBytes + MAX_HEAD_BYTES,
    serve: async (request, caller, bytes) => {
      const { head: sent, body } = jobs.decode(bytes, 'generate', request.id);
      const head = { ...sent, caller, traceparent: readTraceparent(request.raw.headers) };
      const slot = head.storeResponse ? await storedResponses.begin(head.requestId, caller.accountId) : null;
      try {
        const row = await jobs.submit(head, body);
        const content = { ...options, request, head, slot: slot ?? null };
        if (wantsJson(head.accept)) await respondWithJson(content, row);
        else await respondWithEvents(content, row);
      } finally {
        await slot?.release();
      }
    },
  });
}

async function respondWithJson(content: ContentRequest, row: GenerationRow): Promise<void> {
  const { response } = content.request;
  cancelWhenGone(content, whenClosed(response), row);
  const last = await lastEvent(content, row.id);
  const result = await readContent(content, row, last);
  const failure = failureOfJob(result);
  if (failure !== null) throw failure;
  const body = Buffer.from(JSON.stringify(presentContent(result)));
  const figures = figuresOfJob(result);
  await content.slot?.store(storedResponseOf('json', figures, body));
  if (response.destroyed) return;
  const headers = { ...figureHeaders(figures, 'ok'), 'content-type': 'application/json; charset=utf-8' };
  response.writeHead(200, { ...headers, 'content-length': String(body.length) }).end(body);
}

async function lastEvent({ jobs }: ContentRequest, id: string): Promise<EventRow | undefined> {
  let last: EventRow | undefined;
  for await (const event of jobs.follow(id, NEVER)) last = event;
  return last;
}

async function respondWithEvents(content: ContentRequest, row: GenerationRow): Promise<void> {
  const { jobs, request, slot } = content;
  const stream = jobs.openStream(request.response);
  cancelWhenGone(content, stream.gone, row);
  const transcript = createTranscript();
  const toContentEvent = createContentEvents();
  let last: EventRow | undefined;
  for await (const event of jobs.follow(row.id, NEVER)) {
    last = event;
    const sent = toContentEvent(event);
    if (sent !== null) await stream.send(transcript.add(sent.event, sent.data));
  }
  const result = await readContent(content, row, last);
  const failure = failureOfJob(result);
  if (failure === null) {
    const complete = transcript.add('complete', presentContent(result));
    await slot?.store(storedResponseOf('events', figuresOfJob(result), Buffer.from(transcript.text())));
    await stream.send(complete);
  } else {
    const sent = toProblemJson(recordFailure(content.metrics, request, failure), request.id);
    await stream.send(transcript.add('error', sent));
  }
  stream.end();
}

/** The job is followed to its end also without its client, because its result is stored or its cost becomes known. */
const NEVER = new AbortController().signal;

/** Without a stored response, output that the client does not read would be paid for in vain. */
function cancelWhenGone(
  { jobs, head, slot }: ContentRequest,
  gone: AbortSignal,
  { id }: GenerationRow,
): void {
  if (slot !== null) return;
  const cancel = () => void jobs.cancel(head.caller.accountId, id).catch(() => undefined);
  if (gone.aborted) cancel();
  else gone.addEventListener('abort', cancel, { once: true });
}

function whenClosed(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) gone.abort();
  });
  return gone.signal;
}

function readContent(content: ContentRequest, row: GenerationRow, last: EventRow | undefined) {
  const { jobs, head, clock } = content;
  return readResult(jobs, row, last, { planContext: head.planContext, generatedAt: clock.now() });
}
