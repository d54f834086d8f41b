import type { FastifyInstance } from 'fastify';
import { hashPassword } from '#libs/auth/password.ts';
import * as contract from '#libs/contracts/email-verification.ts';
import { type Database, transaction } from '#libs/db/database.ts';
import { problem } from '#libs/problems/problems.ts';
import { logAccess } from '#libs/service/access-log.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { checkNewPassword } from './domain.ts';
import { resetPassword, verifyEmail } from './email-tokens-store.ts';
import { type MailRequest, requestMail } from './mails.ts';

/** `/api/auth/verify-email` and `/api/auth/password-reset`. Requests for mails do not reveal who has an account. */
export function emailRoutes(
  app: FastifyInstance,
  { database, runtime }: { database: Database; runtime: Runtime },
): void {
  const request = (kind: MailRequest, email: string) =>
    transaction(database, (tx) => requestMail(tx, runtime, kind, email));

  serveOperation(app, contract.verifyEmail, async (httpRequest, reply) => {
    const userId = await verifyEmail(database, runtime, httpRequest.body.token);
    if (userId === null) throw problem('email_token_invalid');
    logAccess(httpRequest, 'user.email_verified', { user: userId });
    return reply.code(204).send();
  });

  serveOperation(app, contract.resendVerification, async (httpRequest, reply) => {
    const { email } = httpRequest.body;
    await app.throttles.byMail(httpRequest, reply, email);
    await request('verify_email', email);
    reply.code(202);
    return contract.MAIL_REQUESTED;
  });

  serveOperation(app, contract.requestPasswordReset, async (httpRequest, reply) => {
    const { email } = httpRequest.body;
    await app.throttles.byMail(httpRequest, reply, email);
    await request('password_reset', email);
    reply.code(202);
    return contract.MAIL_REQUESTED;
  });

  serveOperation(app, contract.confirmPasswordReset, async (httpRequest, reply) => {
    const { token, password } = httpRequest.body;
    checkNewPassword(password);
    const passwordHash = await hashPassword(password);
    const userId = await resetPassword(database, runtime, { token, passwordHash });
    if (userId === null) throw problem('email_token_invalid');
    logAccess(httpRequest, 'user.password_reset', { user: userId });
    return reply.code(204).send();
  });
}
