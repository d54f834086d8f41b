/** The operations of resources whose content is versioned: brand voices and custom prompts. */
import { z } from 'zod';
import type { ProblemCode } from '#libs/problems/catalogue.ts';
import { count, instant } from './envelope.ts';
import { idempotencyHeaders } from './idempotency-key.ts';
import { displayName } from './identity.ts';
import { defineOperation } from './operation.ts';
import { datedPageQuery, page } from './page.ts';
import { COUNTING_PROBLEMS, problemResponses, USER_PROBLEMS } from './problem-responses.ts';

export type VersionedResource = {
  path: string;
  /** Of schemas, such as `BrandVoice`. */
  name: string;
  plural: string;
  /** In texts, with its article. */
  noun: string;
  tag: string;
  /** The versioned fields of a new resource. Fields with a default may be absent. */
  content: z.core.$ZodShape;
  /** Fields of the resource itself that its owner sets, except its name. */
  settings: z.core.$ZodShape;
  /** What is special about creating and changing one. */
  description: string;
  /** Further problems of creating and changing one. */
  problems: readonly ProblemCode[];
  /** Settings and content of the example. */
  example: Record<string, unknown>;
};

const EXAMPLE_ID = '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d70';
const idParams = z.object({ id: z.uuid() });
const versionQuery = z.object({
  version: z.coerce.number().int().min(1).optional().describe('An earlier version; the newest if absent.'),
});

export function versionedOperations(resource: VersionedResource) {
  const { path, name, plural, noun, tag, content, settings, description, problems } = resource;
  const view = z
    .looseObject({
      id: z.uuid(),
      name: z.string(),
      version: count.describe('Increases with every change of the content.'),
      ...settings,
      ...content,
      created_at: instant,
      updated_at: instant.describe('When this version was written.'),
    })
    .meta({ id: name });
  const example = {
    id: EXAMPLE_ID,
    version: 1,
    ...resource.example,
    created_at: '2026-11-20T09:00:00.000Z',
    updated_at: '2026-11-20T09:00:00.000Z',
  };
  const found = {
    description: `${noun}.`.replace(/^./, (first) => first.toUpperCase()),
    schema: view,
    example,
  };
  const shared = { tags: [tag], auth: 'user' } as const;
  // Partial first: a field that is absent keeps its value, and does not take its default.
  const changes = Object.fromEntries(
    Object.entries({ ...settings, ...content }).map(([key, field]) => [
      key,
      withoutDefault(field).optional(),
    ]),
  );
  return {
    list: defineOperation({
      ...shared,
      operationId: `list${plural}`,
      method: 'GET',
      path,
      summary: `List the ${wordsOf(plural)} of the account`,
      querystring: datedPageQuery,
      responses: {
        200: {
          description: 'One page, newest first.',
          schema: page(view).meta({ id: `${name}Page` }),
          example: { data: [example], next_cursor: null },
        },
        ...problemResponses(...USER_PROBLEMS),
      },
    }),
    create: defineOperation({
      ...shared,
      operationId: `create${name}`,
      method: 'POST',
      path,
      summary: `Create ${noun}`,
      description,
      headers: idempotencyHeaders,
      body: z
        .strictObject({ name: displayName, ...settings, ...content })
        .meta({ id: `Create${name}Request` }),
      bodyExample: resource.example,
      responses: {
        201: found,
        ...problemResponses(...USER_PROBLEMS, ...COUNTING_PROBLEMS, ...problems, 'conflict'),
      },
    }),
    get: defineOperation({
      ...shared,
      operationId: `get${name}`,
      method: 'GET',
      path: `${path}/{id}`,
      summary: `Get ${noun}`,
      params: idParams,
      querystring: versionQuery,
      responses: { 200: found, ...problemResponses(...USER_PROBLEMS, 'not_found') },
    }),
    update: defineOperation({
      ...shared,
      operationId: `update${name}`,
      method: 'PATCH',
      path: `${path}/{id}`,
      summary: `Change ${noun}`,
      description:
        'Fields that are absent stay as they are. A change of the content writes a new version; earlier ones stay readable.',
      params: idParams,
      body: z
        .strictObject({
          name: displayName.optional(),
          ...changes,
          if_version: z
            .int()
            .min(1)
            .optional()
            .describe('The version that is changed; if it is no longer the newest, the answer is 409.'),
        })
        .meta({ id: `Update${name}Request` }),
      bodyExample: { name: String(resource.example.name), if_version: 1 },
      responses: {
        200: found,
        ...problemResponses(...USER_PROBLEMS, ...problems, 'not_found', 'conflict'),
      },
    }),
    delete: defineOperation({
      ...shared,
      operationId: `delete${name}`,
      method: 'DELETE',
      path: `${path}/{id}`,
      summary: `Delete ${noun}`,
      description: 'With all its versions. Content that was written with it stays.',
      params: idParams,
      responses: { 204: { description: 'Deleted.' }, ...problemResponses(...USER_PROBLEMS, 'not_found') },
    }),
  };
}

export type VersionedOperations = ReturnType<typeof versionedOperations>;

function withoutDefault(field: z.core.$ZodType): z.ZodType {
  return field instanceof z.ZodDefault ? (field.unwrap() as z.ZodType) : (field as z.ZodType);
}

/** `BrandVoices` as `brand voices`. */
const wordsOf = (plural: string) => plural.replace(/(?<!^)([A-Z])/g, ' $1').toLowerCase();
