/** `POST /internal/v1/jobs`: a held request becomes a job. */
import type { ContentInputs } from '#libs/contracts/content-inputs.ts';
import { type GenerateRequest, generateRequest } from '#libs/contracts/generate.ts';
import {
  decodeGenerationRequest,
  GENERATION_PATHS,
  GENERATION_REQUEST_TYPE,
  type GenerationRequestHead,
} from '#libs/contracts/generation-requests.ts';
import type { StoredResponse } from '#libs/contracts/stored-response.ts';
import { readTraceparent } from '#libs/http/traceparent.ts';
import { ProblemError, problem } from '#libs/problems/problems.ts';
import type { DirectRoute } from '#libs/service/direct-routes.ts';
import type { ContentInputResolver } from '../content-inputs/domain.ts';
import type { ReceivedHead } from '../requests/domain/generation-request.ts';
import { parseBody } from '../requests/domain/handler.ts';
import type { CompleteResponse, StoredResponses } from '../stored-responses/domain.ts';
import type { JobOptions } from './commit.ts';
import type { CacheOptions } from './copies.ts';
import { contextOf, type GenerationRow } from './domain/job.ts';
import {
  textsOfOutline,
  textsOfPassages,
  textsOfRequest,
  withoutFlaggedPassages,
} from './domain/moderated-texts.ts';
import type { Moderate } from './moderate.ts';
import { type Approval, resumeJob } from './resume.ts';
import { presentOne } from './routes.ts';
import { findGeneration } from './store.ts';
import { createJob } from './submit.ts';

export type SubmitOptions = CacheOptions & { contentInputs: ContentInputResolver; moderate: Moderate };

export type SubmitRouteOptions = SubmitOptions & { storedResponses: StoredResponses; bodyLimitBytes: number };

/** The head of a request with its plan of calls; a job of every content type has some forty. */
const MAX_HEAD_BYTES = 1024 * 1024;

export function submitRoutes(add: (route: DirectRoute) => void, options: SubmitRouteOptions): void {
  add({
    path: GENERATION_PATHS.job,
    contentType: GENERATION_REQUEST_TYPE,
    bodyLimitBytes: options.bodyLimitBytes + MAX_HEAD_BYTES,
    serve: async (request, caller, sentBytes) => {
      const { head: sent, body } = decodeHeld(sentBytes, 'job', request.id);
      const head = { ...sent, caller, traceparent: readTraceparent(request.raw.headers) };
      const { storedResponses } = options;
      const slot = head.storeResponse ? await storedResponses.begin(head.requestId, caller.accountId) : null;
      if (slot === undefined) throw problem('idempotency_in_progress');
      try {
        const row = await submit(options, head, body);
        const answer = await acceptedResponse(options, row);
        await slot?.store(answer);
        const { status, headers, body: bytes } = answer;
        request.response.writeHead(status, { ...headers, 'content-length': String(bytes.length) }).end(bytes);
      } finally {
        await slot?.release();
      }
    },
  });
}

async function acceptedResponse(options: JobOptions, row: GenerationRow): Promise<CompleteResponse> {
  return {
    status: 202,
    headers: { 'content-type': 'application/json; charset=utf-8' },
    body: Buffer.from(JSON.stringify(await presentOne(options, row))),
  };
}

/** The job of a request whose process died before it stored the response. */
export async function recoverAccepted(
  options: JobOptions,
  requestId: string,
  accountId: string,
): Promise<StoredResponse | undefined> {
  const row = await findGeneration(options.database, accountId, requestId);
  if (row === undefined || contextOf(row).response?.kind !== 'job') return undefined;
  const { status, headers, body } = await acceptedResponse(options, row);
  return { state: 'done', status, headers, body_base64: body.toString('base64') };
}

/** Creates or continues a job. If there is none afterwards, its hold is released. */
export async function submit(
  options: SubmitOptions,
  head: ReceivedHead,
  body: unknown,
): Promise<GenerationRow> {
  try {
    const { resume, approval, inputs, ...fields } = body as SubmittedBody;
    if (resume !== undefined) {
      if (approval?.outline) await options.moderate(head, textsOfOutline(approval.outline));
      return await resumeJob(options, head, resume, approval);
    }
    const request = parseBody(generateRequest, fields);
    const given = inputs ?? (await sourceInputs(options, head, request));
    const flags = await options.moderate(head, textsOfRequest(request, given), textsOfPassages(given));
    return await createJob(options, head, request, withoutFlaggedPassages(given, flags));
  } catch (error) {
    // A hold that cannot be released now expires soon. The client needs the reason why there is no job.
    await releaseUnused(options, head, error).catch(() => undefined);
    throw error;
  }
}

/** A request for content, with what the gateway added. */
type SubmittedBody = { resume?: string; approval?: Approval; inputs?: ContentInputs };

/** For a gateway of the version before, which sends no inputs. */
async function sourceInputs(
  { contentInputs }: SubmitOptions,
  { caller }: GenerationRequestHead,
  request: GenerateRequest,
): Promise<ContentInputs> {
  const source = await contentInputs.resolveSource(caller, request);
  return source === undefined ? {} : { source };
}

async function releaseUnused(
  { database, ledger }: JobOptions,
  { requestId, caller }: GenerationRequestHead,
  error: unknown,
): Promise<void> {
  const { accountId } = caller;
  // After an error of the database, the job may exist all the same.
  const isRefused = error instanceof ProblemError;
  const isUsed = !isRefused && (await findGeneration(database, accountId, requestId)) !== undefined;
  if (!isUsed) await ledger.close({ holdId: requestId, accountId });
}

/** @throws ProblemError for a request of another kind, or one that is not as the gateway sends it. */
export function decodeHeld(
  bytes: Buffer,
  kind: 'job' | 'generate',
  requestId: string,
): { head: Omit<GenerationRequestHead, 'caller'>; body: unknown } {
  let decoded: ReturnType<typeof decodeGenerationRequest>;
  let body: unknown;
  try {
    decoded = decodeGenerationRequest(bytes);
    body = JSON.parse(decoded.body.toString('utf8'));
  } catch (cause) {
    throw problem('malformed_json', { cause });
  }
  const { head } = decoded;
  if (head.plan.kind !== kind || head.requestId !== requestId)
    throw problem('invalid_request', { detail: 'The head is for another request.' });
  return { head, body };
}
