/**
 * An operation of the public API as plain data. One value drives the route of the service that serves it, the
 * gateway's routing and the OpenAPI document, so that none of them can say something else.
 */
import type { z } from 'zod';
import type { ProblemCode } from '#libs/problems/catalogue.ts';
import type { RequiredScope } from './key-scopes.ts';
import type { Requirement } from './requirements.ts';

/** Who may call: anybody, whoever is signed in (or holds an API key), or platform staff only. */
export type OperationAuth = 'none' | 'user' | 'staff';

export type OperationResponse = {
  readonly description: string;
  readonly schema?: z.ZodType;
  readonly example?: unknown;
  /** `application/json` unless given. */
  readonly contentType?: string;
  /** Where the same answer can also come as `text/event-stream`: what such a stream looks like. */
  readonly eventStreamExample?: string;
  /** For an error: the codes that can stand in it. */
  readonly problems?: readonly ProblemCode[];
};

export type Operation = {
  /** camelCase, unique over the whole API; names the method of generated clients. */
  readonly operationId: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** As OpenAPI writes it: `/api/usage/requests/{request_id}`. */
  readonly path: string;
  readonly summary: string;
  readonly description?: string;
  readonly tags: readonly string[];
  /** For `staff`, reading takes the platform role `support` or `admin`, and anything else takes `admin`. */
  readonly auth: OperationAuth;
  /** The scope an API key needs; without it, only a key that may do everything (`*`) is let in. */
  readonly scope?: RequiredScope;
  /** What it takes of the account's plan, in the order in which a refusal names it. Decided by the gateway. */
  readonly needs?: readonly Requirement[];
  readonly params?: z.ZodObject;
  readonly querystring?: z.ZodObject;
  readonly headers?: z.ZodObject;
  readonly body?: z.ZodType;
  /** Content types other than JSON in which the body may come, as text. */
  readonly bodyTypes?: readonly string[];
  readonly bodyExample?: unknown;
  /** By HTTP status. */
  readonly responses: Readonly<Record<number, OperationResponse>>;
};

/** Checks an operation and keeps its exact type, from which handlers and clients derive theirs. */
export function defineOperation<const O extends Operation>(operation: O): O {
  return operation;
}

/** The path as Fastify writes it: `{id}` becomes `:id`. */
export function fastifyPath(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1');
}
