/** `/api/members`: the users of an account. */
import { z } from 'zod';
import { count, instant } from './envelope.ts';
import { idempotencyHeaders } from './idempotency-key.ts';
import { displayName, emailAddress, newPassword } from './identity.ts';
import { ACCOUNT_ROLES } from './internal-context.ts';
import { defineOperation } from './operation.ts';
import { page, pageQuery } from './page.ts';
import { COUNTING_PROBLEMS, problemResponses, USER_PROBLEMS } from './problem-responses.ts';

export const addMemberRequest = z
  .strictObject({
    email: emailAddress,
    password: newPassword.describe('The first password. The new member changes it with `PATCH /api/me`.'),
    name: displayName.optional(),
    role: z.enum(ACCOUNT_ROLES).default('member'),
  })
  .meta({ id: 'AddMemberRequest' });

export const changeMemberRequest = z
  .strictObject({ role: z.enum(ACCOUNT_ROLES) })
  .meta({ id: 'ChangeMemberRequest' });

export const member = z
  .object({
    user_id: z.uuid(),
    email: z.string(),
    name: z.string().nullable(),
    role: z.enum(ACCOUNT_ROLES),
    joined_at: instant,
    updated_at: instant.describe('When the role was changed last.'),
  })
  .meta({ id: 'Member' });

export type MemberView = z.infer<typeof member>;

const exampleMember: MemberView = {
  user_id: '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d2e',
  email: 'grace@example.com',
  name: 'Grace',
  role: 'admin',
  joined_at: '2026-11-20T09:00:00.000Z',
  updated_at: '2026-11-20T09:00:00.000Z',
};

const seats = z
  .object({
    used: count.describe('Members of the account. Pending invitations take no seat.'),
    total: count.nullable().describe('Seats of the plan, and those bought in addition; null: unlimited.'),
    available: count.nullable().describe('Members who can still join; null: unlimited.'),
  })
  .meta({ id: 'Seats' });
export type SeatsView = z.infer<typeof seats>;

const memberId = z.object({ user_id: z.uuid() });
const PROBLEMS = [...USER_PROBLEMS, 'role_required', 'insufficient_scope'] as const;
const tags = ['Members'];

export const listMembers = defineOperation({
  operationId: 'listMembers',
  method: 'GET',
  path: '/api/members',
  summary: 'List the members of the account',
  tags,
  auth: 'user',
  querystring: pageQuery.extend({
    role: z.enum(ACCOUNT_ROLES).optional().describe('Only members with this role.'),
  }),
  responses: {
    200: {
      description: 'One page of members, and the seats of the account.',
      schema: page(member).extend({ seats }).meta({ id: 'MemberPage' }),
      example: { data: [exampleMember], next_cursor: null, seats: { used: 1, total: 5, available: 4 } },
    },
    ...problemResponses(...PROBLEMS, 'metering_unavailable'),
  },
});

export const addMember = defineOperation({
  operationId: 'addMember',
  method: 'POST',
  path: '/api/members',
  summary: 'Add a new user to the account',
  description:
    'Creates a user who is a member of the account. Owners add every role, admins add admins and members. Each member takes one seat of the plan. For an address that already has a user, create an invitation with `POST /api/invitations`.',
  tags,
  auth: 'user',
  headers: idempotencyHeaders,
  body: addMemberRequest,
  bodyExample: { email: exampleMember.email, password: 'a first password', role: exampleMember.role },
  responses: {
    201: { description: 'The new member.', schema: member, example: exampleMember },
    ...problemResponses(...PROBLEMS, ...COUNTING_PROBLEMS, 'invitation_required'),
  },
});

export const changeMember = defineOperation({
  operationId: 'changeMember',
  method: 'PATCH',
  path: '/api/members/{user_id}',
  summary: "Change a member's role",
  description:
    'Only owners change the role of owners or to owner. The last owner of an account cannot change role.',
  tags,
  auth: 'user',
  params: memberId,
  body: changeMemberRequest,
  bodyExample: { role: 'member' },
  responses: {
    200: { description: 'As they are now.', schema: member, example: exampleMember },
    ...problemResponses(...PROBLEMS, 'not_found', 'conflict'),
  },
});

export const removeMember = defineOperation({
  operationId: 'removeMember',
  method: 'DELETE',
  path: '/api/members/{user_id}',
  summary: 'Remove a member from the account',
  description:
    'Ends their sessions in the account within a second, revokes the API keys that they created, and frees their seat. With `api_keys=transfer`, an owner takes the keys over instead. Every member can remove themselves, except the last owner.',
  tags,
  auth: 'user',
  params: memberId,
  querystring: z.strictObject({
    api_keys: z
      .enum(['revoke', 'transfer'])
      .default('revoke')
      .describe(
        'What becomes of the API keys that the member created; only owners transfer them, to themselves.',
      ),
  }),
  responses: { 204: { description: 'Removed.' }, ...problemResponses(...PROBLEMS, 'not_found', 'conflict') },
});

export const MEMBER_OPERATIONS = [listMembers, addMember, changeMember, removeMember] as const;
