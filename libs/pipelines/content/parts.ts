import { CONTENT_TYPES, type ContentType, type GenerateRequest } from '#libs/contracts/generate.ts';

/** The parts of a request, in the order in which they are delivered. */
export function partsOf({ content_types: types }: Pick<GenerateRequest, 'content_types'>): ContentType[] {
  return CONTENT_TYPES.filter((type) => types.includes(type));
}
