/**
 * Routes for other services that are served without Fastify, on the same server: where a service is so busy that routing,
 * hooks and body parsing would be a fifth of its CPU time. They keep what every request has: a verified caller, an id, a
 * size limit, problems, one metric and one log line, and a clean end when the service stops.
 */
import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http';
import type { FastifyInstance } from 'fastify';
import type { InternalIdentity } from '#libs/auth/internal-identity.ts';
import type { Caller } from '#libs/contracts/internal-context.ts';
import { type ProblemCode, type ProblemError, problem, toProblemJson } from '#libs/problems/problems.ts';
import { FileTooLargeError, receiveFile, type TemporaryFile } from '#libs/storage/temporary-file.ts';
import { createCompletionRecorder } from './completed-requests.ts';
import { bodyTooLarge, toProblem } from './framework-problems.ts';
import { verifyCaller } from './internal-calls.ts';
import { type Logger, REQUEST_ID_LABEL, RequestLogger } from './logger.ts';
import type { Metrics } from './metrics.ts';
import { acceptableRequestId } from './request-id.ts';
import { createResponseTracker } from './response-tracker.ts';

type Listener = (request: IncomingMessage, response: ServerResponse) => void;

/** By path; each serves POST only. */
export type DirectRoutes = Map<string, Listener>;

/** A server whose direct routes are served before `routed`. */
export function createDirectServer(
  options: ServerOptions,
  directRoutes: DirectRoutes,
  routed: Listener,
): Server {
  return createServer(options, (request, response) => {
    const direct = request.method === 'POST' ? directRoutes.get(request.url ?? '') : undefined;
    (direct ?? routed)(request, response);
  });
}

export type DirectRequest = {
  readonly id: string;
  readonly route: string;
  readonly raw: IncomingMessage;
  readonly response: ServerResponse;
  readonly startedAtMs: number;
  readonly log: RequestLogger;
  caller: Caller | null;
  /** Logged when the request completes; set by `recordFailure`. */
  problemCode: ProblemCode | null;
};

export type DirectRoute<Who = Caller> = {
  readonly path: string;
  /** Null for any. */
  readonly contentType: string | null;
  readonly bodyLimitBytes: number;
  /**
   * Where a file begins in the body, given its bytes so far: null for a body without one, undefined if more of it is needed.
   * The file is streamed to disk.
   */
  readonly fileStart?: (start: Buffer) => number | null | undefined;
  /** Sends the response. An error that it throws becomes a problem, or cuts a response that has begun. */
  readonly serve: (
    request: DirectRequest,
    caller: Who,
    body: Buffer,
    file: TemporaryFile | null,
  ) => Promise<void>;
};

export type DirectRouteOptions = {
  readonly identity: Pick<InternalIdentity, 'verify'>;
  readonly newId: () => string;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, 'recordRequest' | 'recordRefusal' | 'countInFlight'>;
};

/** @returns a function that adds a route. They need a real connection: `app.inject` does not reach them. */
export function createDirectRoutes(
  app: FastifyInstance,
  { identity, ...options }: DirectRouteOptions,
): (route: DirectRoute) => void {
  const newRequestId = (raw: IncomingMessage) =>
    acceptableRequestId(raw.headers['x-request-id']) ?? options.newId();
  return createRoutes(app, options, newRequestId, (raw, log) => verifyCaller(identity, raw, log));
}

/** The same for routes of clients, whose bodies prove where they come from. Clients do not choose the request's id. */
export function createPublicDirectRoutes(
  app: FastifyInstance,
  options: Omit<DirectRouteOptions, 'identity'>,
): (route: DirectRoute<null>) => void {
  return createRoutes(app, options, options.newId, () => null);
}

function createRoutes<Who extends Caller | null>(
  app: FastifyInstance,
  { logger, metrics }: Omit<DirectRouteOptions, 'identity'>,
  newRequestId: (raw: IncomingMessage) => string,
  authenticate: (raw: IncomingMessage, log: RequestLogger) => Who,
): (route: DirectRoute<Who>) => void {
  const record = createCompletionRecorder(logger, metrics);
  const track = createResponseTracker<DirectRequest>(app, metrics, (request, status) =>
    record({
      requestId: request.id,
      method: 'POST',
      route: request.route,
      status,
      ms: performance.now() - request.startedAtMs,
      accountId: request.caller?.accountId ?? null,
      problemCode: request.problemCode,
    }),
  );

  async function run(route: DirectRoute<Who>, request: DirectRequest): Promise<void> {
    try {
      const caller = authenticate(request.raw, request.log);
      request.caller = caller;
      checkHeaders(request.raw, route);
      const { body, file } = await readParts(request.raw, route);
      try {
        await route.serve(request, caller, body, file);
      } finally {
        await file?.close();
      }
    } catch (error) {
      sendProblem(request, recordFailure(metrics, request, error));
    }
  }

  return (route) => {
    app.directRoutes.set(route.path, (raw, response) => {
      const id = newRequestId(raw);
      const request: DirectRequest = {
        id,
        route: route.path,
        raw,
        response,
        startedAtMs: performance.now(),
        log: new RequestLogger(logger, { [REQUEST_ID_LABEL]: id }),
        caller: null,
        problemCode: null,
      };
      track(response, request);
      void run(route, request);
    });
  };
}

/** Counts and logs the failure of a request. @returns the problem to send. */
export function recordFailure(
  metrics: Pick<Metrics, 'recordRefusal'>,
  request: DirectRequest,
  thrown: unknown,
): ProblemError {
  const failure = toProblem(thrown);
  request.problemCode = failure.code;
  metrics.recordRefusal(failure.code);
  if (failure.status >= 500) request.log.error({ err: thrown }, 'request failed');
  return failure;
}

function checkHeaders(
  { headers }: IncomingMessage,
  { contentType, bodyLimitBytes }: Pick<DirectRoute, 'contentType' | 'bodyLimitBytes'>,
): void {
  const encoding = headers['content-encoding'];
  const isOtherType = contentType !== null && headers['content-type'] !== contentType;
  if (isOtherType || (encoding !== undefined && encoding !== 'identity')) {
    const detail = `Send the body uncompressed${contentType === null ? '' : `, as ${contentType}`}.`;
    throw problem('unsupported_media_type', { detail });
  }
  if (Number(headers['content-length'] ?? 0) > bodyLimitBytes) throw bodyTooLarge(bodyLimitBytes);
}

type Parts = { body: Buffer; file: TemporaryFile | null };

async function readParts(
  raw: IncomingMessage,
  { bodyLimitBytes, fileStart }: Pick<DirectRoute, 'bodyLimitBytes' | 'fileStart'>,
): Promise<Parts> {
  if (fileStart === undefined) return { body: await readBody(raw, bodyLimitBytes), file: null };
  try {
    return await splitBody(raw, bodyLimitBytes, fileStart);
  } catch (error) {
    if (error instanceof FileTooLargeError) throw bodyTooLarge(bodyLimitBytes);
    throw raw.destroyed && !raw.complete ? problem('client_closed_request', { cause: error }) : error;
  }
}

async function splitBody(
  raw: IncomingMessage,
  limitBytes: number,
  fileStart: NonNullable<DirectRoute['fileStart']>,
): Promise<Parts> {
  const chunks: AsyncIterator<Buffer> = raw[Symbol.asyncIterator]();
  let body = Buffer.alloc(0);
  let start: number | null | undefined;
  for (;;) {
    const { value, done } = await chunks.next();
    if (done === true) return { body, file: null };
    body = Buffer.concat([body, value]);
    if (body.length > limitBytes) throw bodyTooLarge(limitBytes);
    if (start === undefined) start = fileStart(body);
    if (typeof start === 'number') break;
  }
  const file = await receiveFile(restOf(body.subarray(start), chunks), limitBytes - start);
  return { body: body.subarray(0, start), file };
}

/** Does not end the chunks: a request that was refused for its size must still be answered. */
async function* restOf(first: Buffer, chunks: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield first;
  for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) yield next.value;
}

function readBody(request: IncomingMessage, limitBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= limitBytes) chunks.push(chunk);
      else reject(bodyTooLarge(limitBytes));
    });
    request.once('end', () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)));
    request.once('error', () => reject(problem('client_closed_request')));
  });
}

function sendProblem({ id, raw, response }: DirectRequest, failure: ProblemError): void {
  if (response.headersSent) return void response.destroy();
  const body = JSON.stringify(toProblemJson(failure, id));
  // The rest of a body that was not read would be taken for the next request.
  if (!raw.complete) response.setHeader('connection', 'close');
  response
    .writeHead(failure.status, {
      ...failure.headers,
      'content-type': 'application/problem+json; charset=utf-8',
      'content-length': Buffer.byteLength(body),
      'x-request-id': id,
    })
    .end(body);
}
