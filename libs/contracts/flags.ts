/** Feature flags: switch features on or off for all, a share, or some of the accounts, independent of their plan. */
import { z } from 'zod';
import { instant } from './envelope.ts';
import { defineOperation } from './operation.ts';
import { keyPage, keyPageQuery } from './page.ts';
import { problemResponses, STAFF_PROBLEMS } from './problem-responses.ts';
import { givenReason, reason, segmentName } from './staff-decision.ts';

const tags = ['Admin'];

const flagKey = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,99}$/, 'must be lower case letters, digits and _')
  .describe('For example `ai_inbox`.');
const on = z.boolean().describe('Whether accounts that match the rule have the feature.');

/** A rule: the accounts it matches, and whether they have the feature. */
export const flagRule = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('boolean').describe('All accounts.'), on }),
  z.strictObject({ kind: z.literal('account'), account_ids: z.array(z.uuid()).min(1).max(1000), on }),
  z.strictObject({
    kind: z.literal('plan').describe('Accounts on these plans, by key.'),
    plans: z.array(z.string().min(1).max(100)).min(1).max(100),
    on,
  }),
  z.strictObject({ kind: z.literal('segment'), segments: z.array(segmentName).min(1).max(100), on }),
  z.strictObject({
    kind: z
      .literal('percent')
      .describe(
        'A share of all accounts. The choice is stable: a larger share includes all accounts of a smaller one.',
      ),
    percentage: z.number().min(0).max(100).describe('Up to two decimals.'),
    on,
  }),
]);
export type FlagRuleWire = z.output<typeof flagRule>;

export const flagRules = z.array(flagRule).max(50);

const flagShape = {
  description: z.string().trim().max(500),
  feature: flagKey
    .nullable()
    .describe('The feature that the flag controls; null: the feature with the key of the flag.'),
  enabled: z.boolean().describe('A disabled flag has no effect.'),
  rules: flagRules.describe('The first matching rule decides. Without one, the plan decides.'),
};

export const flag = z
  .object({ key: flagKey, ...flagShape, author: z.string(), updated_at: instant })
  .meta({ id: 'FeatureFlag' });
export type FlagWire = z.output<typeof flag>;

export const putFlagBody = z.strictObject({
  ...flagShape,
  description: flagShape.description.default(''),
  feature: flagShape.feature.default(null),
  reason: reason.optional(),
});

const exampleFlag: FlagWire = {
  key: 'ai_inbox',
  description: 'The new inbox, for testers first.',
  feature: null,
  enabled: true,
  rules: [
    { kind: 'segment', segments: ['new_tester'], on: true },
    { kind: 'percent', percentage: 10, on: true },
  ],
  author: '019e3f5e-0000-7a10-8c01-5d2f7b9a4e11',
  updated_at: '2026-11-20T12:00:00.000Z',
};

const params = z.object({ key: flagKey });

export const listFlags = defineOperation({
  operationId: 'listFlags',
  method: 'GET',
  path: '/api/admin/flags',
  summary: 'List feature flags',
  tags,
  auth: 'staff',
  querystring: keyPageQuery,
  responses: {
    200: {
      description: 'One page of flags, by key.',
      schema: keyPage(flag).meta({ id: 'FeatureFlagPage' }),
      example: { data: [exampleFlag], next_cursor: null },
    },
    ...problemResponses(...STAFF_PROBLEMS),
  },
});

export const getFlag = defineOperation({
  operationId: 'getFlag',
  method: 'GET',
  path: '/api/admin/flags/{key}',
  summary: 'Get a feature flag',
  tags,
  auth: 'staff',
  params,
  responses: {
    200: { description: 'The flag.', schema: flag, example: exampleFlag },
    ...problemResponses(...STAFF_PROBLEMS, 'not_found'),
  },
});

export const putFlag = defineOperation({
  operationId: 'putFlag',
  method: 'PUT',
  path: '/api/admin/flags/{key}',
  summary: 'Set a feature flag',
  description:
    'Creates or replaces the flag. Every replica applies it within a second. Flags control features; limits are changed with overrides, guard rails and the catalogue.',
  tags,
  auth: 'staff',
  params,
  body: putFlagBody,
  bodyExample: {
    description: exampleFlag.description,
    enabled: true,
    rules: exampleFlag.rules,
    reason: 'Testers asked for it.',
  },
  responses: {
    200: { description: 'Replaced.', schema: flag, example: exampleFlag },
    201: { description: 'Created.', schema: flag, example: exampleFlag },
    ...problemResponses(...STAFF_PROBLEMS),
  },
});

export const deleteFlag = defineOperation({
  operationId: 'deleteFlag',
  method: 'DELETE',
  path: '/api/admin/flags/{key}',
  summary: 'Remove a feature flag',
  description: 'Afterwards only the plans decide on the feature.',
  tags,
  auth: 'staff',
  params,
  querystring: givenReason,
  responses: { 204: { description: 'Deleted.' }, ...problemResponses(...STAFF_PROBLEMS, 'not_found') },
});

export const flagOperations = [listFlags, getFlag, putFlag, deleteFlag] as const;
