/** `/api/prompts`: prompts of an account's own, as templates with declared variables. */
import { z } from 'zod';
import { defineOperation } from './operation.ts';
import { problemResponses, USER_PROBLEMS } from './problem-responses.ts';
import { isStorable } from './storable-text.ts';
import { versionedOperations } from './versioned-operations.ts';

const LONGEST_VALUE = 20_000;

const variableName = z
  .string()
  .max(50)
  .regex(/^[a-z][a-z0-9_]*$/, 'must be lower case letters, digits and _, starting with a letter');
const value = z.string().max(LONGEST_VALUE).refine(isStorable, 'must be text');

export const promptVariable = z
  .strictObject({
    name: variableName,
    description: z.string().trim().max(300).optional(),
    default: value.optional().describe('The value if a request gives none; without it, a value is required.'),
  })
  .meta({ id: 'PromptVariable' });
export type PromptVariable = z.infer<typeof promptVariable>;

const content = {
  template: z
    .string()
    .min(1)
    .max(20_000)
    .refine(isStorable, 'must be text')
    .describe('Text with placeholders such as `{{topic}}`, each of a declared variable.'),
  variables: z.array(promptVariable).max(30).default([]),
};

export const prompts = versionedOperations({
  path: '/api/prompts',
  name: 'Prompt',
  plural: 'Prompts',
  noun: 'a prompt',
  tag: 'Instructions',
  settings: {},
  content,
  description: [
    'Requires the feature `custom_prompts`. A placeholder without a variable, a variable without a placeholder, or a',
    'variable that is declared twice is refused (422).',
  ].join(' '),
  problems: ['feature_not_in_plan', 'semantic_error'],
  example: {
    name: 'Product news',
    template: 'Write product news about {{product}} for {{audience}}. End with a question.',
    variables: [
      { name: 'product', description: 'Name and version' },
      { name: 'audience', default: 'our customers' },
    ],
  },
});

export const previewPrompt = defineOperation({
  operationId: 'previewPrompt',
  method: 'POST',
  path: '/api/prompts/{id}/preview',
  summary: 'Preview a prompt',
  description:
    'Inserts values into the newest version, as a model receives it: each value is fenced as data. Calls no model and costs nothing.',
  tags: ['Instructions'],
  auth: 'user',
  params: z.object({ id: z.uuid() }),
  body: z
    .strictObject({ variables: z.record(variableName, value).default({}) })
    .meta({ id: 'PreviewPromptRequest' }),
  bodyExample: { variables: { product: 'Inkmeter 2' } },
  responses: {
    200: {
      description: 'The prompt with its values.',
      schema: z.object({ version: z.int(), text: z.string() }).meta({ id: 'PromptPreview' }),
      example: {
        version: 1,
        text: 'Write product news about <untrusted id="0b1c8a52d4f7e963" label="product">\nInkmeter 2\n</untrusted id="0b1c8a52d4f7e963"> for …',
      },
    },
    ...problemResponses(...USER_PROBLEMS, 'not_found', 'semantic_error'),
  },
});

export const PROMPT_OPERATIONS = [...Object.values(prompts), previewPrompt];
