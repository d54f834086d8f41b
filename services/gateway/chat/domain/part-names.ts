/** What clients call the parts of their prompts: translations of other wire formats move them. */
import type { MediaPart, PlacedPart } from '#libs/pipelines/prompt-parts.ts';

const names = new WeakMap<MediaPart, string>();

/** @param name the path of a part in the client's own request, such as `messages.0.content.2`. */
export function named<Part extends MediaPart>(part: Part, name: string): Part {
  names.set(part, name);
  return part;
}

export function nameOf({ part, message, position }: PlacedPart): string {
  return names.get(part) ?? `messages.${message}.content.${position}`;
}
