import type { FastifyInstance } from 'fastify';
import { ownerOf, type QuotaResources } from '#libs/clients/quota-resources.ts';
import { toPage } from '#libs/contracts/page.ts';
import type { VersionedOperations } from '#libs/contracts/versioned-operations.ts';
import { type Database, transaction, violatesUnique } from '#libs/db/database.ts';
import { problem } from '#libs/problems/problems.ts';
import { callerOf } from '#libs/service/internal-calls.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import {
  changed,
  INSTRUCTION_METERS,
  type InstructionContent,
  type InstructionKind,
  type VersionedInstruction,
} from './domain.ts';
import {
  deleteInstruction,
  findInstruction,
  insertInstruction,
  listInstructions,
  lockInstruction,
  updateInstruction,
} from './store.ts';

export type InstructionOptions = {
  database: Database;
  runtime: Pick<Runtime, 'clock' | 'newId'>;
  quotaResources: QuotaResources;
};

export type InstructionRoutes = {
  kind: InstructionKind;
  operations: VersionedOperations;
  /** @throws ProblemError if the plan does not include it. */
  checkPlan: (accountId: string) => Promise<unknown>;
  /** @throws ProblemError for a content that contradicts itself. */
  checkContent: (content: InstructionContent) => void;
};

/** A validated body: settings, and the content in all other fields. */
type NewInstruction = { name: string; is_default?: boolean } & InstructionContent;

/** The routes of one kind of instruction. */
export function instructionRoutes(
  app: FastifyInstance,
  { database, runtime, quotaResources }: InstructionOptions,
  { kind, operations, checkPlan, checkContent }: InstructionRoutes,
): void {
  const { clock, newId } = runtime;
  const meter = INSTRUCTION_METERS[kind];
  const present = (instruction: VersionedInstruction) => ({
    ...instruction.content,
    id: instruction.id,
    name: instruction.name,
    version: instruction.version,
    ...(kind === 'brand_voice' && { is_default: instruction.isDefault }),
    created_at: instruction.createdAt.toISOString(),
    updated_at: instruction.updatedAt.toISOString(),
  });

  serveOperation(app, operations.list, async (request) => {
    const { query } = request;
    const found = await listInstructions(database, kind, callerOf(request).accountId, query);
    return toPage(found, query.limit, present);
  });

  serveOperation(app, operations.create, async (request, reply) => {
    const { name, is_default: isDefault = false, ...content } = request.body as NewInstruction;
    const owner = ownerOf(callerOf(request));
    await checkPlan(owner.accountId);
    checkContent(content);
    const now = clock.now();
    const instruction: VersionedInstruction = {
      id: newId(),
      ...owner,
      kind,
      name,
      isDefault,
      version: 1,
      content,
      createdAt: now,
      updatedAt: now,
    };
    await using allocation = await quotaResources.allocate({ holdId: request.id, owner, meter });
    await write(async (tx) => {
      await insertInstruction(tx, instruction);
      await allocation.settle(tx);
    });
    reply.code(201);
    return present(instruction);
  });

  serveOperation(app, operations.get, async (request) => {
    const { params, query } = request;
    const { accountId } = callerOf(request);
    const found = await findInstruction(database, kind, accountId, params.id, query.version);
    if (found === undefined) throw problem('not_found');
    return present(found);
  });

  serveOperation(app, operations.update, async (request) => {
    const { if_version: expected, ...change } = request.body;
    const { name, is_default: isDefault, ...content } = change as Partial<NewInstruction>;
    const { accountId, userId } = callerOf(request);
    await checkPlan(accountId);
    return await write(async (tx) => {
      const current = await lockInstruction(tx, kind, accountId, request.params.id);
      if (current === undefined) throw problem('not_found');
      if (expected !== undefined && expected !== current.version) {
        throw problem('conflict', { detail: `The newest version is ${current.version}.` });
      }
      const next = { ...changed(current, { name, isDefault, content }, clock.now()), userId };
      checkContent(next.content);
      await updateInstruction(tx, current, next);
      return present(next);
    });
  });

  serveOperation(app, operations.delete, async (request, reply) => {
    const { accountId } = callerOf(request);
    await transaction(database, async (tx) => {
      const deleted = await deleteInstruction(tx, kind, accountId, request.params.id);
      if (deleted === undefined) throw problem('not_found');
      await quotaResources.release(tx, { owner: ownerOf(deleted), meter });
    });
    return reply.code(204).send();
  });

  /** @throws ProblemError `conflict` for a name that is taken, or a default that another request set meanwhile. */
  async function write<Result>(work: Parameters<typeof transaction<Result>>[1]): Promise<Result> {
    try {
      return await transaction(database, work);
    } catch (error) {
      if (violatesUnique(error, 'instructions_name')) {
        throw problem('conflict', { detail: 'This name is taken.', fields: { param: 'name' } });
      }
      if (violatesUnique(error, 'instructions_default')) {
        throw problem('conflict', {
          detail: 'Another request has just set the default.',
          fields: { param: 'is_default' },
        });
      }
      throw error;
    }
  }
}
