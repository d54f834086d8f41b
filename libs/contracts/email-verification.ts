/** Links in mails: `/api/auth/verify-email` and `/api/auth/password-reset`. */
import { z } from 'zod';
import { AUTH_PROBLEMS, emailAddress, newPassword } from './identity.ts';
import { defineOperation } from './operation.ts';
import { problemResponses } from './problem-responses.ts';

const emailToken = z.string().min(1).max(200);

export const emailTokenRequest = z
  .strictObject({ token: emailToken.describe('From the link in the mail.') })
  .meta({ id: 'EmailTokenRequest' });

export const mailRequest = z.strictObject({ email: emailAddress }).meta({ id: 'MailRequest' });

export const passwordResetRequest = z
  .strictObject({ token: emailToken.describe('From the link in the mail.'), password: newPassword })
  .meta({ id: 'PasswordResetRequest' });

export const mailRequested = z
  .object({ status: z.literal('mail_requested') })
  .describe('The same whether the address has an account or not.')
  .meta({ id: 'MailRequested' });

export const MAIL_REQUESTED: z.infer<typeof mailRequested> = { status: 'mail_requested' };

const tags = ['Identity'];
const exampleToken = 'ivt_N2hQd0pXc1V4eW1nS2R0b2lQeE5mUmJ2Y1hB';
const exampleEmail = 'ada@example.com';
const requestedResponse = {
  description: 'A mail is on its way, if the address needs one.',
  schema: mailRequested,
  example: MAIL_REQUESTED,
};

export const verifyEmail = defineOperation({
  operationId: 'verifyEmail',
  method: 'POST',
  path: '/api/auth/verify-email',
  summary: 'Confirm an email address',
  description:
    'With the token of the mail that signing up sends. It works once and for 24 hours. The user then signs in with their password.',
  tags,
  auth: 'none',
  body: emailTokenRequest,
  takesCredentials: true,
  bodyExample: { token: exampleToken },
  responses: {
    204: { description: 'The address is verified.' },
    ...problemResponses(...AUTH_PROBLEMS, 'email_token_invalid'),
  },
});

export const resendVerification = defineOperation({
  operationId: 'resendVerification',
  method: 'POST',
  path: '/api/auth/verify-email/resend',
  summary: 'Send the verification mail again',
  description: 'Sends nothing to an address that is verified or has no user; the response is the same.',
  tags,
  auth: 'none',
  body: mailRequest,
  takesCredentials: true,
  bodyExample: { email: exampleEmail },
  responses: { 202: requestedResponse, ...problemResponses(...AUTH_PROBLEMS) },
});

export const requestPasswordReset = defineOperation({
  operationId: 'requestPasswordReset',
  method: 'POST',
  path: '/api/auth/password-reset',
  summary: 'Request a new password',
  description: 'Sends a link to the user of the address. Without such a user, the response is the same.',
  tags,
  auth: 'none',
  body: mailRequest,
  takesCredentials: true,
  bodyExample: { email: exampleEmail },
  responses: { 202: requestedResponse, ...problemResponses(...AUTH_PROBLEMS) },
});

export const confirmPasswordReset = defineOperation({
  operationId: 'confirmPasswordReset',
  method: 'POST',
  path: '/api/auth/password-reset/confirm',
  summary: 'Choose a new password',
  description:
    'With the token of the mail, which works once and for one hour. Ends all sessions of the user, and verifies the address.',
  tags,
  auth: 'none',
  body: passwordResetRequest,
  takesCredentials: true,
  bodyExample: { token: exampleToken.replace('ivt_', 'ipr_'), password: 'staple correct battery' },
  responses: {
    204: { description: 'The password has changed.' },
    ...problemResponses(...AUTH_PROBLEMS, 'email_token_invalid', 'semantic_error'),
  },
});

export const EMAIL_VERIFICATION_OPERATIONS = [
  verifyEmail,
  resendVerification,
  requestPasswordReset,
  confirmPasswordReset,
] as const;
