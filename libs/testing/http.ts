import type { AddressInfo, Server } from 'node:net';
import type { TestScope } from './database.ts';
import { checkDocumented } from './document.ts';
import { checkProblem } from './problems.ts';

const OWN_REQUEST_ID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/;

export type HttpResponse<Body = unknown> = {
  status: number;
  headers: Headers;
  /** Parsed if the response is JSON, else the text. */
  body: Body;
};

/** The part of a Fastify instance that these helpers use. */
export type ListeningApp = {
  listen: (options: { port: number; host: string }) => Promise<string>;
  close: () => unknown;
};

/**
 * Sends one request over real HTTP. An object as `body` is sent as JSON, with POST unless another method is given.
 * The type of the body is not checked, except for problems: tests assert what they expect.
 */
export async function request<Body = unknown>(
  url: string,
  options: { method?: string; headers?: Record<string, string>; body?: unknown; signal?: AbortSignal } = {},
): Promise<HttpResponse<Body>> {
  const { body, headers = {}, signal } = options;
  const isText = typeof body === 'string' || body instanceof Uint8Array;
  const response = await fetch(url, {
    method: options.method ?? (body === undefined ? 'GET' : 'POST'),
    headers: body === undefined || isText ? headers : { 'content-type': 'application/json', ...headers },
    ...(body === undefined
      ? {}
      : { body: isText ? (body as string | Uint8Array<ArrayBuffer>) : JSON.stringify(body) }),
    ...(signal ? { signal } : {}),
  });
  const text = await response.text();
  const contentType = response.headers.get('content-type') ?? '';
  const isJson = /[/+]json\b/.test(contentType);
  const parsed: unknown = isJson && text !== '' ? JSON.parse(text) : text;
  checkProblem(contentType, parsed);
  // Simulated vendors answer on some of the same paths.
  if (OWN_REQUEST_ID.test(response.headers.get('x-request-id') ?? '')) {
    const method = options.method ?? (body === undefined ? 'GET' : 'POST');
    checkDocumented({
      ...{ method, path: new URL(url).pathname, status: response.status },
      ...{ contentType, body: parsed },
    });
  }
  return { status: response.status, headers: response.headers, body: parsed as Body };
}

/** Starts an app on a free port of the loopback address and closes it when the test ends. Returns its URL. */
export async function listenOnFreePort(t: TestScope, app: ListeningApp): Promise<string> {
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  t.teardown(() => app.close());
  return url;
}

/** The same for a plain Node server, whose open connections are closed at the end. */
export async function listenServerOnFreePort(t: TestScope, server: Server): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  t.teardown(() => {
    (server as Server & { closeAllConnections?: () => void }).closeAllConnections?.();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
