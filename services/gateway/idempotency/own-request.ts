/**
 * How a request that the gateway serves itself is stored. Of its `Idempotency-Key`, only a hash is stored; its response is
 * encrypted with a secret that is derived from the key and, where the body has a password, from the body as well. Such a
 * body is hashed like a password: its stored hash must not be easier to guess than that of the user.
 */
import { hash, hkdfSync } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import {
  decrypt as decryptWith,
  ENCRYPTION_KEY_BYTES,
  encrypt as encryptWith,
} from '#libs/auth/authenticated-encryption.ts';
import { deriveSecret } from '#libs/auth/password.ts';
import type { register } from '#libs/contracts/identity.ts';
import type { acceptInvitation } from '#libs/contracts/invitations.ts';
import { addMember } from '#libs/contracts/members.ts';
import type { Operation } from '#libs/contracts/operation.ts';
import { bodyHashOf, type KeyName, keyNameOf } from './domain.ts';

/** Where requests without an account are stored. */
const NO_ACCOUNT = '00000000-0000-0000-0000-000000000000';
const NO_BODY = Buffer.alloc(0);

type BodyOf<O extends { body: { _output: unknown } }> = O['body']['_output'];

/** What a request without a caller belongs to, by operation. */
const SUBJECTS: Readonly<Record<string, (body: unknown) => string>> = {
  register: (body) => (body as BodyOf<typeof register>).email.toLowerCase(),
  acceptInvitation: (body) => (body as BodyOf<typeof acceptInvitation>).token,
};

/** @returns the subject of a request without a caller; null where there is a caller. */
export function subjectOf({ operationId }: Operation, body: unknown): string | null {
  return SUBJECTS[operationId]?.(body) ?? null;
}

const takesPassword = ({ operationId }: Operation) =>
  operationId in SUBJECTS || operationId === addMember.operationId;

export type IdentifiedRequest = {
  name: KeyName;
  bodyHash: string;
  /** Encrypts the response; never stored. */
  secret: string;
};

/**
 * @param subject of a request without a caller.
 * @throws ProblemError `overloaded` when too many passwords wait to be hashed.
 */
export async function identify(
  operation: Operation,
  request: FastifyRequest,
  subject: string | null,
  key: string,
): Promise<IdentifiedRequest> {
  const name = subject === null ? nameOfCaller(request, key) : nameOfSubject(operation, subject, key);
  const body = { path: request.url, body: request.rawBody ?? NO_BODY };
  if (!takesPassword(operation)) return { name, bodyHash: bodyHashOf(body), secret: key };
  const derived = (await deriveSecret(bodyHashOf(body), `${name.accountId}:${name.key}`)).toString(
    'base64url',
  );
  return { name, bodyHash: hash('sha256', derived, 'base64url'), secret: `${key}:${derived}` };
}

const nameOfCaller = ({ caller }: FastifyRequest, key: string): KeyName =>
  keyNameOf({ caller, key: `own.${hash('sha256', key, 'base64url')}` });

const nameOfSubject = ({ operationId }: Operation, subject: string, key: string): KeyName => ({
  accountId: NO_ACCOUNT,
  key: `${operationId}.${hash('sha256', JSON.stringify([subject, key]), 'base64url')}`,
});

const encryptionKeyOf = (secret: string) =>
  Buffer.from(hkdfSync('sha256', secret, '', 'stored response', ENCRYPTION_KEY_BYTES));

export const encrypt = (secret: string, text: Buffer): Buffer => encryptWith(encryptionKeyOf(secret), text);

/** The inverse of {@link encrypt}. @throws Error for another secret. */
export const decrypt = (secret: string, stored: Buffer): Buffer =>
  decryptWith(encryptionKeyOf(secret), stored);
