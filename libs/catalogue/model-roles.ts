/** The models that `auto` chooses from. */
import type { Catalogue, Plan } from './schema.ts';

/** `writer` writes for readers, `fast` does small steps, `vision` reads images. */
export const MODEL_ROLES = ['writer', 'fast', 'vision'] as const;
export type ModelRole = (typeof MODEL_ROLES)[number];

/** The models of a plan by role, the best first. */
export type ModelRoles = Readonly<Record<ModelRole, readonly string[]>>;

export const NO_MODEL_ROLES: ModelRoles = { writer: [], fast: [], vision: [] };

export function rolesOf({ modelRoles }: Catalogue, { caps: { textModels } }: Plan): ModelRoles {
  const allowed = (models: readonly string[]) =>
    models.filter((model) => textModels === '*' || textModels.includes(model));
  return {
    writer: allowed(modelRoles.writer),
    fast: allowed(modelRoles.fast),
    vision: allowed(modelRoles.vision),
  };
}
