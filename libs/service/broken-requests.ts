/** Requests that Node refuses before a route: their answers have the shape of all others. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { ConnectionError, FastifyInstance } from 'fastify';
import { type ProblemCode, type ProblemError, problem, toProblemJson } from '#libs/problems/problems.ts';

/** The parser's codes; every other one is an `invalid_request`. */
const BY_CODE: Readonly<Record<string, ProblemCode>> = {
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'body_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
};

/** Answers what is not HTTP, on its socket: there is no response object. */
export function answerBrokenRequest(error: ConnectionError, socket: Socket, requestId: string): void {
  if (error.code === 'ECONNRESET' || !socket.writable || hasBegunResponse(socket)) {
    socket.destroy();
    return;
  }
  sendToSocket(problem(BY_CODE[error.code] ?? 'invalid_request'), socket, requestId);
}

/** A second response in the middle of one would become part of its body. Node's own handler reads this field too. */
function hasBegunResponse(socket: Socket & { _httpMessage?: ServerResponse | null }): boolean {
  return socket._httpMessage?.headersSent ?? false;
}

function sendToSocket(refusal: ProblemError, socket: Socket, requestId: string): void {
  const document = toProblemJson(refusal, requestId);
  const body = JSON.stringify(document);
  socket.end(
    [
      `HTTP/1.1 ${refusal.status} ${document.title}`,
      'content-type: application/problem+json; charset=utf-8',
      `content-length: ${Buffer.byteLength(body)}`,
      `x-request-id: ${requestId}`,
      'connection: close',
      '',
      body,
    ].join('\r\n'),
    () => socket.destroy(),
  );
}

/**
 * What Node would refuse by itself, without a body: CONNECT is answered with a problem, and an unknown `Expect` is ignored,
 * as RFC 9110 allows.
 */
export function answerOddRequests(server: Server, newId: () => string): void {
  server.on('connect', (_request: IncomingMessage, socket: Socket) => {
    socket.on('error', () => socket.destroy());
    sendToSocket(problem('method_not_allowed', { fields: { allowed: [] } }), socket, newId());
  });
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    server.emit('request', request, response);
  });
}

/** The server must not require it, because Node's refusal has no body. */
export function requireHostHeader(app: FastifyInstance): void {
  app.addHook('onRequest', ({ headers, raw }, _reply, done) => {
    const isMissing = headers.host === undefined && raw.httpVersion === '1.1';
    done(isMissing ? problem('invalid_request', { detail: 'The request has no Host header.' }) : undefined);
  });
}
