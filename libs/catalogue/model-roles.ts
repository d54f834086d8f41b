/** The models that `auto` chooses from. */
import type { Catalogue, Plan } from './schema.ts';

/** `writer` writes for readers, `fast` does small steps, `vision` reads images. */
export const MODEL_ROLES = ['writer', 'fast', 'vision'] as const;
export type ModelRole = (typeof MODEL_ROLES)[number];

/** The models of a plan by role, in the order in which they are tried. */
export type ModelRoles = Readonly<Record<ModelRole, readonly string[]>>;

export const NO_MODEL_ROLES: ModelRoles = { writer: [], fast: [], vision: [] };

/** The plan's default model writes first; then the catalogue's models for the role that the plan allows. */
export function rolesOf({ modelRoles }: Catalogue, { caps }: Plan): ModelRoles {
  const { textModels, defaultTextModel } = caps;
  const allowed = (models: readonly string[]) =>
    models.filter((model) => textModels === '*' || textModels.includes(model));
  const writers = defaultTextModel === null ? modelRoles.writer : [defaultTextModel, ...modelRoles.writer];
  return {
    writer: [...new Set(allowed(writers))],
    fast: allowed(modelRoles.fast),
    vision: allowed(modelRoles.vision),
  };
}
