import {
  CONTENT_TYPES,
  type GenerateRequest,
  MEDIA_PARTS,
  type MediaPart,
  type Part,
} from '#libs/contracts/generate.ts';

/** The parts of a request, in the order in which they are delivered. */
export function partsOf(
  request: Pick<GenerateRequest, 'content_types' | 'hero_image' | 'voice_over'>,
): Part[] {
  const isAsked = { hero_image: request.hero_image === true, voice_over: request.voice_over !== undefined };
  return [
    ...CONTENT_TYPES.filter((type) => request.content_types.includes(type)),
    ...MEDIA_PARTS.filter((part) => isAsked[part]),
  ];
}

export function isMediaPart(part: Part): part is MediaPart {
  return (MEDIA_PARTS as readonly string[]).includes(part);
}
