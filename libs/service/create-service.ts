import type { IncomingHttpHeaders, IncomingMessage, Server, ServerResponse } from 'node:http';
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type RawServerDefault,
} from 'fastify';
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import { type ErrorFormat, errorDocument } from '#libs/problems/error-formats.ts';
import { type ProblemCode, type ProblemError, problem } from '#libs/problems/problems.ts';
import { watchAllowedMethods } from './allowed-methods.ts';
import { answerBrokenRequest, answerOddRequests, requireHostHeader } from './broken-requests.ts';
import { createCompletionRecorder } from './completed-requests.ts';
import { createDirectServer, type DirectRoutes } from './direct-routes.ts';
import { toProblem } from './framework-problems.ts';
import { addJsonParser, refuseUnstorableText } from './json-body.ts';
import { type Logger, REQUEST_ID_LABEL, RequestLogger } from './logger.ts';
import type { Metrics } from './metrics.ts';
import { shedLoad } from './overload.ts';
import { acceptableRequestId } from './request-id.ts';
import { createResponseTracker } from './response-tracker.ts';
import type { Runtime } from './runtime.ts';
import { tracing } from './tracing.ts';
import type { ServiceConfig } from './variables.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** Routes that are served without Fastify. */
    directRoutes: DirectRoutes;
  }
  interface FastifyRequest {
    /** The account of the caller, once known; logged when the request completes. */
    accountId: string | null;
    /** The code of the problem in the response, if any. */
    problemCode: ProblemCode | null;
    /** The unparsed body; only with `keepRawBody`. */
    rawBody: Buffer | null;
  }
}

/** A Fastify instance whose routes are typed by their zod schemas. */
export type ServiceApp = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;

export type ServiceOptions = {
  readonly config: ServiceConfig;
  readonly runtime: Runtime;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Use the caller's `x-request-id` if it is a UUID. For internal services only: clients must not choose ids. */
  readonly acceptRequestId?: boolean;
  /** Keep the body's bytes in `request.rawBody`, for forwarding or for checking a signature. */
  readonly keepRawBody?: boolean;
  /** The shape of errors; RFC 9457 by default. */
  readonly errorFormatFor?: (url: string, headers: IncomingHttpHeaders) => ErrorFormat;
  /** The message for a URL without a route. */
  readonly describeMissing?: (method: string, path: string, allowed: readonly string[]) => string;
  /** Passed to Fastify: the proxies whose `x-forwarded-for` is trusted. */
  readonly trustProxy?: boolean | string | string[];
};

/** A message repeats this much of a URL. */
const LONGEST_SHOWN_PATH = 200;
/** Longer than the 60 s after which common load balancers close an idle connection: they must close first. */
const KEEP_ALIVE_TIMEOUT_MS = 72_000;
const HEADERS_TIMEOUT_MS = 15_000;
const CHECKING_INTERVAL_MS = 5_000;

/**
 * The Fastify instance of every service: request ids, problems, limits, timeouts, load shedding, metrics and one log
 * line per request. The caller adds the routes.
 */
export function createService(options: ServiceOptions): ServiceApp {
  const { config, runtime, logger, metrics } = options;
  const formatFor = options.errorFormatFor ?? (() => 'problem');

  const answerError = (thrown: unknown, request: FastifyRequest, reply: FastifyReply) => {
    const error = toProblem(thrown, { bodyLimitBytes: request.routeOptions.bodyLimit });
    if (error.status >= 500) request.log.error({ err: thrown }, 'request failed');
    request.problemCode = error.code;
    metrics.recordRefusal(error.code);
    sendProblem(error, request, reply, formatFor(request.url, request.headers));
  };

  let track: (request: FastifyRequest, reply: FastifyReply) => void = () => {};
  const directRoutes: DirectRoutes = new Map();
  const app: FastifyInstance = Fastify({
    loggerInstance: logger as FastifyBaseLogger,
    childLoggerFactory: (parent, bindings) => new RequestLogger(parent as Logger, bindings),
    logController: new Fastify.LogController({
      disableRequestLogging: true,
      requestIdLogLabel: REQUEST_ID_LABEL,
    }),
    genReqId: options.acceptRequestId
      ? ({ headers }) => acceptableRequestId(headers['x-request-id']) ?? runtime.newId()
      : () => runtime.newId(),
    frameworkErrors: (error, request, reply) => {
      // Hooks do not run for a URL that cannot be routed.
      track(request, reply);
      answerError(error, request, reply);
    },
    clientErrorHandler: (error, socket) => answerBrokenRequest(error, socket, runtime.newId()),
    bodyLimit: config.bodyLimitBytes,
    routerOptions: { ignoreTrailingSlash: true },
    trustProxy: options.trustProxy ?? false,
    serverFactory: (routed) => createHttpServer(config, directRoutes, routed),
    // Requests that arrive during shutdown are served with `connection: close`.
    return503OnClosing: false,
  });
  answerOddRequests(app.server, runtime.newId);
  if (config.maxConnections > 0) app.server.maxConnections = config.maxConnections;
  tracing()?.instrument(app);

  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler(answerError);
  const allowedMethods = watchAllowedMethods(app);
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0] ?? '';
    const allowed = allowedMethods(path);
    const detail = options.describeMissing?.(request.method, path.slice(0, LONGEST_SHOWN_PATH), allowed);
    const described = detail === undefined ? {} : { detail };
    const error =
      allowed.length === 0
        ? problem('route_not_found', described)
        : problem('method_not_allowed', {
            ...described,
            headers: { allow: allowed.join(', ') },
            fields: { allowed },
          });
    answerError(error, request, reply);
  });

  app.decorate('directRoutes', directRoutes);
  app.decorateRequest('accountId', null);
  app.decorateRequest('problemCode', null);
  app.decorateRequest('rawBody', null);
  addJsonParser(app, options.keepRawBody ?? false);
  refuseCompressedBodies(app);
  refuseUnstorableText(app);
  track = trackRequests(app, logger, metrics);
  requireHostHeader(app);
  shedLoad(app, config.eventLoopDelayLimitMs);
  return app.withTypeProvider<ZodTypeProvider>();
}

function createHttpServer(
  { idleTimeoutMs, requestTimeoutMs }: ServiceConfig,
  directRoutes: DirectRoutes,
  routed: (request: IncomingMessage, response: ServerResponse) => void,
): Server {
  const server = createDirectServer(
    {
      requestTimeout: requestTimeoutMs,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      headersTimeout: Math.min(HEADERS_TIMEOUT_MS, requestTimeoutMs),
      // By default Node checks for slow requests only every 30 s, even if their timeout is shorter.
      connectionsCheckingInterval: Math.min(CHECKING_INTERVAL_MS, requestTimeoutMs),
      requireHostHeader: false,
    },
    directRoutes,
    routed,
  );
  server.setTimeout(idleTimeoutMs);
  return server;
}

/** Sends a problem; also for plugins that end a request without throwing. */
export function sendProblem(
  error: ProblemError,
  request: FastifyRequest,
  reply: FastifyReply,
  format: ErrorFormat,
): void {
  reply
    .code(error.status)
    .headers(error.headers)
    .type(`application/${format === 'problem' ? 'problem+json' : 'json'}; charset=utf-8`)
    .send(JSON.stringify(errorDocument(format, error, request.id)));
}

/** Without this, a compressed body is reported as malformed JSON. */
function refuseCompressedBodies(app: FastifyInstance): void {
  app.addHook('onRequest', (request, _reply, done) => {
    const encoding = request.headers['content-encoding'];
    if (encoding === undefined || encoding === 'identity') return done();
    done(
      problem('unsupported_media_type', {
        detail: `Content-Encoding ${encoding} is not supported. Send the body uncompressed.`,
      }),
    );
  });
}

type Exchange = { readonly request: FastifyRequest; readonly reply: FastifyReply };

/** One metric and one log line per request, written when the response closes. */
function trackRequests(
  app: FastifyInstance,
  logger: Logger,
  metrics: Metrics,
): (request: FastifyRequest, reply: FastifyReply) => void {
  const record = createCompletionRecorder(logger, metrics);
  const trackResponse = createResponseTracker<Exchange>(app, metrics, ({ request, reply }, status) =>
    record({
      requestId: request.id,
      method: request.method,
      route: request.is404 ? 'unknown' : (request.routeOptions.url ?? 'unknown'),
      status,
      ms: reply.elapsedTime,
      accountId: request.accountId,
      problemCode: request.problemCode,
    }),
  );
  const track = (request: FastifyRequest, reply: FastifyReply) => {
    trackResponse(reply.raw, { request, reply });
    reply.header('x-request-id', request.id);
  };
  app.addHook('onRequest', (request, reply, done) => {
    track(request, reply);
    done();
  });
  return track;
}
