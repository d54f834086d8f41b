import type { instructions, instructionVersions } from '#libs/db/schema/knowledge.ts';

export type Instruction = typeof instructions.$inferSelect;
export type InstructionKind = Instruction['kind'];
export type InstructionContent = (typeof instructionVersions.$inferSelect)['content'];

/** A brand voice or a custom prompt with one of its versions. */
export type VersionedInstruction = Instruction & { content: InstructionContent };

/** The meters that count what an account has of each kind. */
export const INSTRUCTION_METERS: Readonly<Record<InstructionKind, string>> = {
  brand_voice: 'brand_voices',
  prompt: 'prompts',
};

export type InstructionChange = {
  name?: string | undefined;
  isDefault?: boolean | undefined;
  content: InstructionContent;
};

/**
 * The instruction after a change. A change of its content makes a new version.
 *
 * @param content only the fields that change.
 */
export function changed(
  current: VersionedInstruction,
  { name = current.name, isDefault = current.isDefault, content }: InstructionChange,
  now: Date,
): VersionedInstruction {
  const isNewVersion = Object.keys(content).length > 0;
  return {
    ...current,
    name,
    isDefault,
    content: { ...current.content, ...content },
    version: current.version + (isNewVersion ? 1 : 0),
    updatedAt: now,
  };
}
