import { and, desc, eq, getTableColumns, isNull, ne, or, sql } from 'drizzle-orm';
import type { BrandVoiceContent } from '#libs/contracts/brand-voices.ts';
import type { DatedPageQuery } from '#libs/contracts/page.ts';
import { afterCursor } from '#libs/db/after-cursor.ts';
import type { Queryable, Tx } from '#libs/db/database.ts';
import { instructions, instructionVersions } from '#libs/db/schema/knowledge.ts';
import { within } from '#libs/db/within.ts';
import { brandVoiceInstructions } from '#libs/pipelines/brand-voice.ts';
import type { PromptTemplate } from '#libs/pipelines/prompt-template.ts';
import type { Instruction, InstructionKind, VersionedInstruction } from './domain.ts';

const columns = { ...getTableColumns(instructions), content: instructionVersions.content };

const versionOf = (version: number | undefined) =>
  and(
    eq(instructionVersions.instructionId, instructions.id),
    eq(instructionVersions.version, version ?? instructions.version),
  );

const isOne = (kind: InstructionKind, accountId: string, id: string) =>
  and(eq(instructions.accountId, accountId), eq(instructions.kind, kind), eq(instructions.id, id));

/** Newest first, one more than the page has. */
export function listInstructions(
  db: Queryable,
  kind: InstructionKind,
  accountId: string,
  { limit, cursor, ...range }: DatedPageQuery,
): Promise<VersionedInstruction[]> {
  return db
    .select(columns)
    .from(instructions)
    .innerJoin(instructionVersions, versionOf(undefined))
    .where(
      and(
        eq(instructions.accountId, accountId),
        eq(instructions.kind, kind),
        afterCursor(instructions.id, cursor),
        within(instructions.createdAt, range),
      ),
    )
    .orderBy(desc(instructions.id))
    .limit(limit + 1);
}

/** With the given version, or the newest. */
export async function findInstruction(
  db: Queryable,
  kind: InstructionKind,
  accountId: string,
  id: string,
  version?: number,
): Promise<VersionedInstruction | undefined> {
  const [found] = await db
    .select({ ...columns, version: instructionVersions.version, updatedAt: instructionVersions.createdAt })
    .from(instructions)
    .innerJoin(instructionVersions, versionOf(version))
    .where(isOne(kind, accountId, id));
  return found;
}

/** The same, locked against other changes until the transaction ends. */
export async function lockInstruction(
  tx: Tx,
  kind: InstructionKind,
  accountId: string,
  id: string,
): Promise<VersionedInstruction | undefined> {
  await tx
    .select({ id: instructions.id })
    .from(instructions)
    .where(isOne(kind, accountId, id))
    .for('update');
  return findInstruction(tx, kind, accountId, id);
}

export async function insertInstruction(tx: Tx, instruction: VersionedInstruction): Promise<void> {
  const { content: _, ...row } = instruction;
  if (row.isDefault) await unsetOtherDefaults(tx, row);
  await tx.insert(instructions).values(row);
  await insertVersion(tx, instruction);
}

/** Writes a changed instruction, with its new version if it has one. */
export async function updateInstruction(
  tx: Tx,
  before: VersionedInstruction,
  after: VersionedInstruction,
): Promise<void> {
  if (after.isDefault && !before.isDefault) await unsetOtherDefaults(tx, after);
  const { name, isDefault, version, updatedAt } = after;
  await tx
    .update(instructions)
    .set({ name, isDefault, version, updatedAt })
    .where(eq(instructions.id, after.id));
  if (version !== before.version) await insertVersion(tx, after);
}

async function insertVersion(
  tx: Tx,
  { id, version, content, userId, updatedAt }: VersionedInstruction,
): Promise<void> {
  await tx
    .insert(instructionVersions)
    .values({ instructionId: id, version, content, userId, createdAt: updatedAt });
}

async function unsetOtherDefaults(tx: Tx, { id, kind, accountId, workspaceId }: Instruction): Promise<void> {
  await tx
    .update(instructions)
    .set({ isDefault: false })
    .where(
      and(
        eq(instructions.accountId, accountId),
        eq(instructions.kind, kind),
        workspaceId === null ? isNull(instructions.workspaceId) : eq(instructions.workspaceId, workspaceId),
        instructions.isDefault,
        ne(instructions.id, id),
      ),
    );
}

/** @returns the deleted instruction; undefined if there is none. */
export async function deleteInstruction(
  tx: Tx,
  kind: InstructionKind,
  accountId: string,
  id: string,
): Promise<Instruction | undefined> {
  const [deleted] = await tx
    .delete(instructions)
    .where(isOne(kind, accountId, id))
    .returning();
  return deleted;
}

/**
 * A brand voice as instructions for a model, in its newest version; undefined if there is none.
 *
 * @param which an id, or `default` for the default of the workspace, else that of the account itself.
 */
export async function loadBrandVoice(
  db: Queryable,
  accountId: string,
  which: string,
  workspaceId: string | null = null,
): Promise<{ id: string; version: number; instructions: string } | undefined> {
  const voice =
    which === 'default'
      ? await findDefault(db, accountId, workspaceId)
      : await findInstruction(db, 'brand_voice', accountId, which);
  if (voice === undefined) return undefined;
  const { id, version, content } = voice;
  return { id, version, instructions: brandVoiceInstructions(content as BrandVoiceContent) };
}

async function findDefault(
  db: Queryable,
  accountId: string,
  workspaceId: string | null,
): Promise<VersionedInstruction | undefined> {
  const isOfAccount = isNull(instructions.workspaceId);
  const [found] = await db
    .select(columns)
    .from(instructions)
    .innerJoin(instructionVersions, versionOf(undefined))
    .where(
      and(
        eq(instructions.accountId, accountId),
        eq(instructions.kind, 'brand_voice'),
        instructions.isDefault,
        workspaceId === null ? isOfAccount : or(isOfAccount, eq(instructions.workspaceId, workspaceId)),
      ),
    )
    .orderBy(sql`${instructions.workspaceId} NULLS LAST`)
    .limit(1);
  return found;
}

/** A custom prompt, in the given version or the newest; undefined if there is none. */
export async function loadPrompt(
  db: Queryable,
  accountId: string,
  id: string,
  version?: number,
): Promise<({ id: string; version: number } & PromptTemplate) | undefined> {
  const found = await findInstruction(db, 'prompt', accountId, id, version);
  return found && { id, version: found.version, ...(found.content as PromptTemplate) };
}
