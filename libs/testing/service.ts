import { z } from 'zod';
import { createInternalIdentity, type InternalIdentity } from '#libs/auth/internal-identity.ts';
import {
  type Caller,
  INTERNAL_CONTEXT_HEADER,
  SERVICE_NAMES,
  type ServiceName,
} from '#libs/contracts/internal-context.ts';
import type { ServiceApp } from '#libs/service/create-service.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { type ServiceConfig, serviceVariables, toServiceConfig } from '#libs/service/variables.ts';
import { checkDocumented } from './document.ts';
import { checkProblem } from './problems.ts';

/** For `loadConfig` in tests: a busy machine must not make a service refuse requests as overloaded. */
export const TEST_SERVICE_VARIABLES = { EVENT_LOOP_DELAY_LIMIT: '0ms' } as const;

/** The shared configuration of a service under test: its defaults, any free port, and no load shedding. */
export function testServiceConfig(variables: Readonly<Record<string, string>> = {}): ServiceConfig {
  return toServiceConfig(z.object(serviceVariables(0)).parse({ ...TEST_SERVICE_VARIABLES, ...variables }));
}

export type TestMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS';

export type TestResponse<Body> = {
  status: number;
  headers: Readonly<Record<string, string | string[] | number | undefined>>;
  /** Parsed if it is JSON, undefined if it is empty, else its text. */
  body: Body;
};

/**
 * Sends one request into an app, without a socket. Without `as` the request carries no identity. Every problem must be
 * as the API's document describes it.
 */
export type TestCall<As> = <
  // biome-ignore lint/suspicious/noExplicitAny: tests assert what they expect of a body
  Body = any,
>(
  method: TestMethod,
  url: string,
  options?: { as?: As; body?: unknown; headers?: Readonly<Record<string, string>> },
) => Promise<TestResponse<Body>>;

/**
 * @param identify the headers that identify a caller to this app: a token, or a signed internal context.
 * @param options.textType the content type of text bodies, unless the request sets another one.
 */
export function createTestCall<As>(
  app: ServiceApp,
  identify: (as: As, request: { method: string; path: string }) => Readonly<Record<string, string>>,
  { textType }: { textType?: string } = {},
): TestCall<As> {
  return async (method, url, { as, body, headers = {} } = {}) => {
    // As the app receives it: characters that a URL may not contain are encoded.
    const { pathname, search } = new URL(url, 'http://localhost');
    const response = await app.inject({
      method,
      url,
      headers: {
        ...(as !== undefined && identify(as, { method, path: pathname + search })),
        ...(textType !== undefined && typeof body === 'string' && { 'content-type': textType }),
        ...headers,
      },
      ...(body !== undefined && { payload: body as object | string }),
    });
    const contentType = String(response.headers['content-type'] ?? '');
    const isJson = /[/+]json\b/.test(contentType);
    const text = response.body;
    const parsed = text === '' ? undefined : isJson ? JSON.parse(text) : text;
    checkProblem(contentType, parsed);
    const { statusCode: status } = response;
    if (status === 429 && response.headers['ratelimit-policy'] === undefined)
      throw new Error(`${method} ${url}: the headers of a 429 must name the policy that refused.`);
    checkDocumented({ method, path: pathname, status, contentType, body: parsed });
    return { status, headers: response.headers, body: parsed };
  };
}

const TEST_SECRET = 'a secret of internal requests that only tests know';

/** Every pair of services with a key, so that a test can be any of them. */
export const TEST_INTERNAL_KEYS = SERVICE_NAMES.flatMap((sender) =>
  SERVICE_NAMES.map((receiver) => ({ sender, receiver, secret: `${TEST_SECRET} ${sender} ${receiver}` })),
);

/** The same as a variable of the environment. */
export const INTERNAL_KEYS_TEXT = TEST_INTERNAL_KEYS.map(({ sender, receiver, secret }) =>
  [sender, receiver, secret].join(':'),
).join(',');

export function testIdentity(service: ServiceName, clock: Runtime['clock']): InternalIdentity {
  return createInternalIdentity({ service, keys: TEST_INTERNAL_KEYS, now: clock.now });
}

/** Identifies callers to an internal service, as the gateway does. */
export function signedContext(
  receiver: ServiceName,
  clock: Runtime['clock'],
): (caller: Caller, request: { method: string; path: string }) => Record<string, string> {
  const sign = testIdentity('gateway', clock).signFor(receiver);
  return (caller, request) => ({ [INTERNAL_CONTEXT_HEADER]: sign(request, caller) });
}
