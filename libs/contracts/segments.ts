/** Segments: groups of accounts, set by staff, that flags and emergency limits can refer to. */
import { z } from 'zod';
import { defineOperation } from './operation.ts';
import { problemResponses, STAFF_PROBLEMS } from './problem-responses.ts';
import { reason, segmentName } from './staff-decision.ts';

const tags = ['Admin'];
const params = z.object({ account_id: z.uuid() });
const segments = z.array(segmentName).max(100);
const answer = {
  description: 'The segments of the account.',
  schema: z.object({ account_id: z.uuid(), segments: z.array(z.string()) }),
  example: { account_id: '019e3f5e-1111-7c31-9d52-8a4f0b6c1d2e', segments: ['new_tester'] },
};

export const getSegments = defineOperation({
  operationId: 'getSegments',
  method: 'GET',
  path: '/api/admin/accounts/{account_id}/segments',
  summary: 'Get the segments of an account',
  tags,
  auth: 'staff',
  params,
  responses: { 200: answer, ...problemResponses(...STAFF_PROBLEMS, 'not_found') },
});

export const putSegments = defineOperation({
  operationId: 'putSegments',
  method: 'PUT',
  path: '/api/admin/accounts/{account_id}/segments',
  summary: 'Set the segments of an account',
  description: 'Replaces all segments. Flags and emergency limits apply accordingly with the response.',
  tags,
  auth: 'staff',
  params,
  body: z.strictObject({ segments, reason: reason.optional() }).meta({ id: 'AccountSegments' }),
  bodyExample: { segments: ['new_tester'], reason: 'One of the first ten.' },
  responses: { 200: answer, ...problemResponses(...STAFF_PROBLEMS, 'not_found') },
});

export const segmentOperations = [getSegments, putSegments] as const;
