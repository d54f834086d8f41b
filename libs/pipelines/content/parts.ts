import {
  CONTENT_KIT,
  CONTENT_KIT_TYPES,
  CONTENT_TYPES,
  type GenerateRequest,
  MEDIA_PARTS,
  type MediaPart,
  type Part,
} from '#libs/contracts/generate.ts';

/** The parts of a request, in the order in which they are delivered. */
export function partsOf(
  request: Pick<GenerateRequest, 'content_types' | 'pipeline' | 'hero_image' | 'voice_over'>,
): Part[] {
  const isAsked = { hero_image: request.hero_image === true, voice_over: request.voice_over !== undefined };
  return [
    ...CONTENT_TYPES.filter((type) => request.content_types.includes(type)),
    ...MEDIA_PARTS.filter((part) => isAsked[part]),
    ...(request.pipeline === undefined ? [] : [CONTENT_KIT as Part]),
  ];
}

/** The parts whose steps a part is made from: its own, or those of everything in a content kit. */
export function componentsOf(part: Part): readonly Part[] {
  return part === CONTENT_KIT ? CONTENT_KIT_TYPES : [part];
}

export function isMediaPart(part: Part): part is MediaPart {
  return (MEDIA_PARTS as readonly string[]).includes(part);
}
