/** Calls from one service to another: JSON over keep-alive connections, under a signed context. */
import type { Pool } from 'undici';
import type { ContextSigner } from '#libs/auth/internal-context.ts';
import {
  type Caller,
  INTERNAL_CONTEXT_HEADER,
  type InternalContext,
} from '#libs/contracts/internal-context.ts';

/** Long enough for clock skew and for a queue at the receiver. */
export const CONTEXT_LIFETIME_SECONDS = 60;

const NIL_UUID = '00000000-0000-0000-0000-000000000000';

/** The caller when a service acts on its own behalf. */
export const SERVICE_CALLER: Caller = {
  accountId: NIL_UUID,
  userId: null,
  keyId: null,
  workspaceId: null,
  role: 'member',
  platformRole: 'none',
  scopes: [],
};

export type InternalRequest = {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  path: string;
  requestId: string;
  caller?: Caller;
  body?: unknown;
  headers?: Readonly<Record<string, string>>;
};

export type InternalAnswer = {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: unknown;
};

export class InternalCallError extends Error {
  override readonly name = 'InternalCallError';
}

export type InternalClient = { call: (request: InternalRequest) => Promise<InternalAnswer> };

/** The signed identity header of a request. */
export function signContext(signer: ContextSigner, now: Date, context: Omit<InternalContext, 'exp'>): string {
  return signer.sign({ ...context, exp: Math.floor(now.getTime() / 1000) + CONTEXT_LIFETIME_SECONDS });
}

/** Half of a context's lifetime, so that one in use is valid for at least the other half. */
const RENEWAL_SECONDS = CONTEXT_LIFETIME_SECONDS / 2;

/**
 * The signed identity of a service that calls on its own behalf, renewed every half minute instead of signed for every
 * request: a signature and its verification cost more than the rest of a hop's headers.
 */
export function createServiceIdentity(signer: ContextSigner, now: () => Date): () => string {
  let header = '';
  let renewAtMs = 0;
  return () => {
    const instant = now();
    if (instant.getTime() >= renewAtMs) {
      header = signContext(signer, instant, { caller: SERVICE_CALLER, requestId: NIL_UUID });
      renewAtMs = instant.getTime() + RENEWAL_SECONDS * 1000;
    }
    return header;
  };
}

export function createInternalClient(options: {
  pool: Pool;
  signer: ContextSigner;
  now: () => Date;
  timeoutMs?: number;
}): InternalClient {
  const { pool, signer, now, timeoutMs = 10_000 } = options;
  return {
    /** @throws InternalCallError when the service cannot be reached or its response is not JSON. */
    async call({ method, path, requestId, caller = SERVICE_CALLER, body, headers }) {
      try {
        const response = await pool.request({
          method,
          path,
          headersTimeout: timeoutMs,
          bodyTimeout: timeoutMs,
          headers: {
            accept: 'application/json',
            'x-request-id': requestId,
            [INTERNAL_CONTEXT_HEADER]: signContext(signer, now(), { caller, requestId }),
            ...(body === undefined ? {} : { 'content-type': 'application/json' }),
            ...headers,
          },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        });
        const text = await response.body.text();
        return {
          status: response.statusCode,
          headers: response.headers,
          body: text === '' ? undefined : JSON.parse(text),
        };
      } catch (cause) {
        throw new InternalCallError(`${method} ${path.split('?', 1)[0]} failed`, { cause });
      }
    },
  };
}
