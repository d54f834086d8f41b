/** Calls from one service to another: JSON over keep-alive connections, under a signed context. */
import { Readable } from 'node:stream';
import type { Pool } from 'undici';
import type { SignIdentity } from '#libs/auth/internal-identity.ts';
import type { FileSource } from '#libs/contracts/file-source.ts';
import { type Caller, INTERNAL_CONTEXT_HEADER } from '#libs/contracts/internal-context.ts';

export type InternalRequest = {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  path: string;
  requestId: string;
  caller?: Caller;
  /** Sent as JSON. */
  body?: unknown;
  /** Sent as it is, instead of a body. */
  file?: { content: FileSource; mediaType: string };
  headers?: Readonly<Record<string, string>>;
  /** Whether it may be executed twice. By default only a GET may. */
  isIdempotent?: boolean;
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

export function createInternalClient(options: {
  pool: Pool;
  /** Signs requests to the service behind the pool. */
  sign: SignIdentity;
  timeoutMs?: number;
}): InternalClient {
  const { pool, sign, timeoutMs = 10_000 } = options;
  return {
    /** @throws InternalCallError when the service cannot be reached or its response is not JSON. */
    async call({ method, path, requestId, caller, body, file, headers }) {
      const sent = file
        ? Readable.from(file.content.read(), { objectMode: false })
        : body === undefined
          ? undefined
          : JSON.stringify(body);
      try {
        const response = await pool.request({
          method,
          path,
          headersTimeout: timeoutMs,
          bodyTimeout: timeoutMs,
          headers: {
            accept: 'application/json',
            'x-request-id': requestId,
            [INTERNAL_CONTEXT_HEADER]: sign({ method, path }, caller),
            ...(sent !== undefined && { 'content-type': file?.mediaType ?? 'application/json' }),
            ...(file && { 'content-length': String(file.content.size) }),
            ...headers,
          },
          ...(sent !== undefined && { body: sent }),
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
