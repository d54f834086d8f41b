/**
 * An operation of the public API as plain data. One value drives the route of the service that serves it, the
 * gateway's routing and the OpenAPI document.
 */
import type { z } from 'zod';
import type { ProblemCode } from '#libs/problems/catalogue.ts';
import type { ErrorFormat } from '#libs/problems/error-formats.ts';
import type { RequiredScope } from './key-scopes.ts';
import type { Requirement } from './requirements.ts';
import type { StreamEvent } from './stream-events.ts';

/** Who may call: everyone, signed-in users and API keys, or platform staff only. */
export type OperationAuth = 'none' | 'user' | 'staff';

export type OperationResponse = {
  readonly description: string;
  readonly schema?: z.ZodType;
  readonly example?: unknown;
  /** Several examples by name, instead of one. */
  readonly examples?: Readonly<Record<string, unknown>>;
  /** `application/json` unless given. */
  readonly contentType?: string;
  /** Examples of a file that has several formats, by its other content types. */
  readonly otherTypes?: Readonly<Record<string, string>>;
  /** An example of the response as `text/event-stream`, if it can be streamed. */
  readonly eventStreamExample?: string;
  /** The events of such a stream. */
  readonly events?: readonly StreamEvent[];
  /** For an error: the shape of its document; RFC 9457 unless given. */
  readonly errorFormat?: ErrorFormat;
  /** For an error: its possible codes. */
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
  /** For `staff`, reading requires the platform role `support` or `admin`; everything else requires `admin`. */
  readonly auth: OperationAuth;
  /** The scope an API key needs; without one, only keys with the scope `*` may call. */
  readonly scope?: RequiredScope;
  /** What it requires of the account's plan, in the order in which a refusal names it. Evaluated by the gateway. */
  readonly requirements?: readonly Requirement[];
  readonly params?: z.ZodObject;
  readonly querystring?: z.ZodObject;
  readonly headers?: z.ZodObject;
  readonly body?: z.ZodType;
  /**
   * The body has credentials of a caller who is not authenticated: it has at most 8 KB, and requests are limited by source
   * before it is read.
   */
  readonly takesCredentials?: true;
  /** Streams until the client disconnects. The gateway ends the stream when the credential of the request does. */
  readonly isLive?: true;
  /** Its body may contain images, so it may be large. */
  readonly takesMedia?: true;
  /** The body is a form (`multipart/form-data`) with files. */
  readonly isForm?: true;
  /** Content types of the body other than JSON; such a body is text. */
  readonly bodyTypes?: readonly string[];
  /** An example of such a body. */
  readonly textExample?: string;
  readonly bodyExample?: unknown;
  /** By HTTP status. */
  readonly responses: Readonly<Record<number, OperationResponse>>;
};

/** Checks an operation and keeps its exact type, from which handlers and clients derive their own. */
export function defineOperation<const O extends Operation>(operation: O): O {
  return operation;
}

/** The path as Fastify writes it: `{id}` becomes `:id`. A name before a verb (`{model}:generate`) may contain colons. */
export function fastifyPath(path: string): string {
  return path.replaceAll(/\{(\w+)\}:/g, ':$1(^.+)::').replaceAll(/\{(\w+)\}/g, ':$1');
}
