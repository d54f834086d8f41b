/** Emergency stops: from their commit on, no replica admits the work that they cover. */
import { z } from 'zod';
import { modelKey, providerKey } from '#libs/pricing/price-book-schema.ts';
import { instant } from './envelope.ts';
import { idempotencyHeaders } from './idempotency-key.ts';
import { defineOperation } from './operation.ts';
import { keyPage, keyPageQuery } from './page.ts';
import { problemResponses, STAFF_PROBLEMS } from './problem-responses.ts';

const tags = ['Admin'];
const text = z.string().trim().min(1).max(500);
const given = {
  reason: text.describe('A note for staff, in the audit log. Callers never see it.'),
  public_reason: text
    .nullable()
    .default(null)
    .describe('Shown to callers whose requests are refused or ended.'),
  expected_until: instant
    .nullable()
    .default(null)
    .describe(
      'When you expect to lift the stop. Callers see it, in `Retry-After` too. The stop stays until it is lifted.',
    ),
};

export const stop = z
  .object({
    id: z.uuid(),
    kind: z.enum(['global', 'provider', 'model', 'account', 'key']),
    target: z.string().describe('Provider, `provider/model`, account or key; empty for the global stop.'),
    reason: z.string().describe('The note for staff.'),
    public_reason: z.string().nullable().describe('What callers see; null: nothing.'),
    expected_until: instant.nullable().describe('When staff expect to lift it; null: not known.'),
    author: z.string(),
    created_at: instant,
    updated_at: instant.describe('When it was created or lifted.'),
    lifted_at: instant.nullable(),
    lifted_by: z.string().nullable(),
  })
  .meta({ id: 'EmergencyStop' });
export type StopWire = z.infer<typeof stop>;

const exampleStop = {
  id: '019e3f60-1111-7a10-8c01-5d2f7b9a4e10',
  kind: 'provider',
  target: 'openai',
  reason: 'The provider reports wrong usage figures.',
  public_reason: 'OpenAI has problems. Models of other providers work.',
  expected_until: '2026-11-20T14:00:00.000Z',
  author: '019e3f5e-0000-7a10-8c01-5d2f7b9a4e11',
  created_at: '2026-11-20T12:00:00.000Z',
  updated_at: '2026-11-20T12:00:00.000Z',
  lifted_at: null,
  lifted_by: null,
};

export const createStopBody = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('global'), ...given }),
  z.strictObject({ kind: z.literal('provider'), target: providerKey, ...given }),
  z.strictObject({
    kind: z.literal('model'),
    target: z
      .string()
      .refine((text) => {
        const [provider, model, ...rest] = text.split('/');
        return (
          rest.length === 0 && providerKey.safeParse(provider).success && modelKey.safeParse(model).success
        );
      }, 'must be provider/model, such as openai/gpt-4o')
      .describe('`provider/model`, such as `openai/gpt-4o`.'),
    ...given,
  }),
  z.strictObject({ kind: z.enum(['account', 'key']), target: z.uuid(), ...given }),
]);
export type CreateStopBody = z.infer<typeof createStopBody>;

export const listStops = defineOperation({
  operationId: 'listStops',
  method: 'GET',
  path: '/api/admin/stops',
  summary: 'List stops in force',
  tags,
  auth: 'staff',
  querystring: keyPageQuery,
  responses: {
    200: {
      description: 'One page of the stops that have not been lifted, oldest first.',
      schema: keyPage(stop).meta({ id: 'StopPage' }),
      example: { data: [exampleStop], next_cursor: null },
    },
    ...problemResponses(...STAFF_PROBLEMS),
  },
});

export const createStop = defineOperation({
  operationId: 'createStop',
  method: 'POST',
  path: '/api/admin/stops',
  summary: 'Stop work at once',
  description:
    'Once this responds, no replica admits work that the stop covers, and running calls are aborted. If a stop with the same target is in force, that stop is returned.',
  tags,
  headers: idempotencyHeaders,
  auth: 'staff',
  body: createStopBody,
  bodyExample: {
    kind: 'provider',
    target: 'openai',
    reason: exampleStop.reason,
    public_reason: exampleStop.public_reason,
    expected_until: exampleStop.expected_until,
  },
  responses: {
    200: {
      description: 'An earlier stop with this target is in force.',
      schema: stop,
      example: exampleStop,
    },
    201: { description: 'The new stop.', schema: stop, example: exampleStop },
    ...problemResponses(...STAFF_PROBLEMS, 'unknown_model', 'semantic_error'),
  },
});

export const liftStop = defineOperation({
  operationId: 'liftStop',
  method: 'DELETE',
  path: '/api/admin/stops/{id}',
  summary: 'Lift a stop',
  tags,
  auth: 'staff',
  params: z.object({ id: z.uuid() }),
  responses: {
    200: {
      description: 'The stop, lifted.',
      schema: stop,
      example: {
        ...exampleStop,
        updated_at: '2026-11-20T13:00:00.000Z',
        lifted_at: '2026-11-20T13:00:00.000Z',
        lifted_by: exampleStop.author,
      },
    },
    ...problemResponses(...STAFF_PROBLEMS, 'not_found'),
  },
});

export const stopOperations = [listStops, createStop, liftStop] as const;
