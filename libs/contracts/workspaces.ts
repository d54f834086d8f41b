/** `/api/workspaces`: parts of an account with usage and limits of their own. */
import { z } from 'zod';
import { instant } from './envelope.ts';
import { idempotencyHeaders } from './idempotency-key.ts';
import { displayName } from './identity.ts';
import { defineOperation } from './operation.ts';
import { page, pageQuery } from './page.ts';
import { COUNTING_PROBLEMS, problemResponses, USER_PROBLEMS } from './problem-responses.ts';

/** The workspace of a request. */
export const WORKSPACE_HEADER = 'x-workspace-id';

export const createWorkspaceRequest = z
  .strictObject({ name: displayName })
  .meta({ id: 'CreateWorkspaceRequest' });

export const workspace = z
  .object({ id: z.uuid(), name: z.string(), created_by: z.uuid().nullable(), created_at: instant })
  .meta({ id: 'Workspace' });

export type WorkspaceView = z.infer<typeof workspace>;

const exampleWorkspace: WorkspaceView = {
  id: '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d41',
  name: 'Spring campaign',
  created_by: '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d2e',
  created_at: '2026-11-20T09:00:00.000Z',
};

const workspaceId = z.object({ id: z.uuid() });
const tags = ['Workspaces'];

export const listWorkspaces = defineOperation({
  operationId: 'listWorkspaces',
  method: 'GET',
  path: '/api/workspaces',
  summary: 'List the workspaces of the account',
  tags,
  auth: 'user',
  querystring: pageQuery,
  responses: {
    200: {
      description: 'One page of workspaces, newest first.',
      schema: page(workspace).meta({ id: 'WorkspacePage' }),
      example: { data: [exampleWorkspace], next_cursor: null },
    },
    ...problemResponses(...USER_PROBLEMS),
  },
});

export const createWorkspace = defineOperation({
  operationId: 'createWorkspace',
  method: 'POST',
  path: '/api/workspaces',
  summary: 'Create a workspace',
  description: `For owners and admins. The usage of requests with the header \`${WORKSPACE_HEADER}\` is attributed to the workspace.`,
  tags,
  auth: 'user',
  headers: idempotencyHeaders,
  body: createWorkspaceRequest,
  bodyExample: { name: exampleWorkspace.name },
  responses: {
    201: { description: 'The new workspace.', schema: workspace, example: exampleWorkspace },
    ...problemResponses(...USER_PROBLEMS, ...COUNTING_PROBLEMS, 'role_required', 'conflict'),
  },
});

export const getWorkspace = defineOperation({
  operationId: 'getWorkspace',
  method: 'GET',
  path: '/api/workspaces/{id}',
  summary: 'Get a workspace',
  tags,
  auth: 'user',
  params: workspaceId,
  responses: {
    200: { description: 'The workspace.', schema: workspace, example: exampleWorkspace },
    ...problemResponses(...USER_PROBLEMS, 'not_found'),
  },
});

export const deleteWorkspace = defineOperation({
  operationId: 'deleteWorkspace',
  method: 'DELETE',
  path: '/api/workspaces/{id}',
  summary: 'Delete a workspace',
  description: 'For owners and admins. Its usage stays recorded, and another workspace may be created.',
  tags,
  auth: 'user',
  params: workspaceId,
  responses: {
    204: { description: 'Deleted.' },
    ...problemResponses(...USER_PROBLEMS, 'role_required', 'not_found'),
  },
});

export const WORKSPACE_OPERATIONS = [listWorkspaces, createWorkspace, getWorkspace, deleteWorkspace] as const;
