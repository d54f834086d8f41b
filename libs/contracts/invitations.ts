/** `/api/invitations`: offers to join an account. */
import { z } from 'zod';
import { instant } from './envelope.ts';
import { idempotencyHeaders } from './idempotency-key.ts';
import { displayName, emailAddress, newPassword } from './identity.ts';
import { ACCOUNT_ROLES } from './internal-context.ts';
import { defineOperation } from './operation.ts';
import { page, pageQuery } from './page.ts';
import { COUNTING_PROBLEMS, problemResponses, USER_PROBLEMS } from './problem-responses.ts';

export const createInvitationRequest = z
  .strictObject({ email: emailAddress, role: z.enum(ACCOUNT_ROLES).default('member') })
  .meta({ id: 'CreateInvitationRequest' });

export const acceptInvitationRequest = z
  .strictObject({
    token: z
      .string()
      .min(1)
      .max(200)
      .describe('From the link in the mail, or from the response that created the invitation.'),
    password: newPassword
      .optional()
      .describe(
        'Required without an access token: the password of the user with the invited address, or the first password of a new user.',
      ),
    name: displayName.optional().describe('Name of a new user.'),
  })
  .meta({ id: 'AcceptInvitationRequest' });

export const INVITATION_STATUSES = ['pending', 'accepted', 'revoked', 'expired'] as const;

const invitationShape = {
  id: z.uuid(),
  email: z.string(),
  role: z.enum(ACCOUNT_ROLES).describe('The role of the new member.'),
  status: z.enum(INVITATION_STATUSES),
  invited_by: z.uuid(),
  created_at: instant,
  updated_at: instant.describe('When it was created, accepted or revoked.'),
  expires_at: instant,
  accepted_at: instant.nullable(),
  accepted_by: z.uuid().nullable().describe('The user who joined.'),
};

export const invitation = z.object(invitationShape).meta({ id: 'Invitation' });
export type InvitationView = z.infer<typeof invitation>;

export const createdInvitation = z
  .object({
    ...invitationShape,
    token: z
      .string()
      .describe('Accepts the invitation, as the link in the mail does. Shown only in this response.'),
  })
  .meta({ id: 'CreatedInvitation' });

export const acceptedInvitation = z
  .object({
    account_id: z.uuid().describe('Sign in with it, or switch to it with `POST /api/auth/refresh`.'),
    account_name: z.string(),
    user_id: z.uuid(),
    role: z.enum(ACCOUNT_ROLES),
  })
  .meta({ id: 'AcceptedInvitation' });

const exampleInvitation: InvitationView = {
  id: '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d50',
  email: 'grace@example.com',
  role: 'member',
  status: 'pending',
  invited_by: '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d2e',
  created_at: '2026-11-20T09:00:00.000Z',
  updated_at: '2026-11-20T09:00:00.000Z',
  expires_at: '2026-11-27T09:00:00.000Z',
  accepted_at: null,
  accepted_by: null,
};

const invitationId = z.object({ id: z.uuid() });
const PROBLEMS = [...USER_PROBLEMS, 'role_required', 'insufficient_scope'] as const;
const tags = ['Members'];

export const createInvitation = defineOperation({
  operationId: 'createInvitation',
  method: 'POST',
  path: '/api/invitations',
  summary: 'Invite a user to the account',
  description:
    'For owners, who invite every role, and admins, who invite admins and members. The account needs a free seat now and when the invitation is accepted; a pending invitation takes none. It expires after seven days, and replaces an earlier one of the same address. The invited address gets a mail with a link to accept it, at most five a day; the `token` of the response works as well.',
  tags,
  auth: 'user',
  headers: idempotencyHeaders,
  body: createInvitationRequest,
  bodyExample: { email: exampleInvitation.email, role: exampleInvitation.role },
  responses: {
    201: {
      description: 'The invitation, with its token.',
      schema: createdInvitation,
      example: { ...exampleInvitation, token: 'inv_…' },
    },
    ...problemResponses(...PROBLEMS, ...COUNTING_PROBLEMS, 'conflict'),
  },
});

export const listInvitations = defineOperation({
  operationId: 'listInvitations',
  method: 'GET',
  path: '/api/invitations',
  summary: 'List the invitations of the account',
  description: 'For owners and admins. Newest first; ended invitations disappear after a month.',
  tags,
  auth: 'user',
  querystring: pageQuery.extend({
    status: z.enum(INVITATION_STATUSES).optional().describe('Only invitations with this status.'),
  }),
  responses: {
    200: {
      description: 'One page of invitations.',
      schema: page(invitation).meta({ id: 'InvitationPage' }),
      example: { data: [exampleInvitation], next_cursor: null },
    },
    ...problemResponses(...PROBLEMS),
  },
});

export const revokeInvitation = defineOperation({
  operationId: 'revokeInvitation',
  method: 'DELETE',
  path: '/api/invitations/{id}',
  summary: 'Revoke an invitation',
  description: 'For owners and admins. Its token stops working. Revoking an invitation twice succeeds.',
  tags,
  auth: 'user',
  params: invitationId,
  responses: { 204: { description: 'Revoked.' }, ...problemResponses(...PROBLEMS, 'not_found', 'conflict') },
});

export const acceptInvitation = defineOperation({
  operationId: 'acceptInvitation',
  method: 'POST',
  path: '/api/invitations/accept',
  summary: 'Accept an invitation',
  description:
    'With an access token, its user joins the account. Without one, `password` is required: the user with the invited address joins, or a new user is created who has no other account. An `Idempotency-Key` belongs to the invitation.',
  tags,
  auth: 'none',
  body: acceptInvitationRequest,
  headers: idempotencyHeaders,
  takesCredentials: true,
  bodyExample: { token: 'inv_5Qd0', password: 'correct horse battery', name: 'Grace' },
  responses: {
    201: {
      description: 'The account that the user has joined.',
      schema: acceptedInvitation,
      example: {
        account_id: '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d2f',
        account_name: 'Analytical Engines',
        user_id: '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d60',
        role: exampleInvitation.role,
      },
    },
    ...problemResponses(
      ...USER_PROBLEMS,
      ...COUNTING_PROBLEMS,
      'semantic_error',
      'invalid_credentials',
      'invitation_invalid',
      'email_taken',
      'conflict',
    ),
  },
});

export const INVITATION_OPERATIONS = [
  createInvitation,
  listInvitations,
  revokeInvitation,
  acceptInvitation,
] as const;
