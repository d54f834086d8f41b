/** Operations about the service itself: its health and its API description. */
import { z } from 'zod';
import { defineOperation } from './operation.ts';

const tags = ['Service'];
const UNCHANGED = 'The document is still the one with the ETag in `If-None-Match`.';

export const getHealth = defineOperation({
  operationId: 'getHealth',
  method: 'GET',
  path: '/health',
  summary: 'Liveness check',
  tags,
  auth: 'none',
  responses: {
    200: {
      description: 'The process is running.',
      schema: z.object({ status: z.literal('ok'), service: z.string() }),
      example: { status: 'ok', service: 'gateway' },
    },
  },
});

export const getOpenApiJson = defineOperation({
  operationId: 'getOpenApiJson',
  method: 'GET',
  path: '/openapi.json',
  summary: 'API description as JSON',
  tags,
  auth: 'none',
  responses: {
    200: {
      description: 'An OpenAPI 3.1 document.',
      schema: z.looseObject({
        openapi: z.string(),
        info: z.looseObject({ title: z.string(), version: z.string() }),
        paths: z.record(z.string(), z.unknown()),
      }),
      example: { openapi: '3.1.0', info: { title: 'Inkmeter', version: '0.1.0' }, paths: {} },
    },
    304: { description: UNCHANGED },
  },
});

export const getOpenApiYaml = defineOperation({
  operationId: 'getOpenApiYaml',
  method: 'GET',
  path: '/openapi.yaml',
  summary: 'API description as YAML',
  tags,
  auth: 'none',
  responses: {
    200: {
      description: 'An OpenAPI 3.1 document.',
      contentType: 'application/yaml',
      schema: z.string(),
      example: 'openapi: 3.1.0\ninfo:\n  title: Inkmeter\n  version: 0.1.0\n',
    },
    304: { description: UNCHANGED },
  },
});

export const SERVICE_OPERATIONS = [getHealth, getOpenApiJson, getOpenApiYaml] as const;
