/** What models that see write about the pictures of the simulator. */
import { fencedTexts } from './fenced-texts.ts';

const STYLE =
  'Flat digital painting: soft gradients without lines, one disc in the middle, even light, a calm mood.';

/** A text alternative, or a style; undefined for another prompt. */
export function describePicture(prompt: string): string | undefined {
  if (/^Describe the style of this image/.test(prompt)) return STYLE;
  if (!/^Describe (?:this image|the image)/.test(prompt)) return undefined;
  const asked = fencedTexts(prompt).get('image prompt') ?? 'An empty scene';
  const [line = ''] = asked.replace(/\[\[simulate:[^\]]*\]\]/g, '').split('\n');
  const subject = line.trim().split(/\s+/).slice(0, 12).join(' ');
  return `${subject.replace(/[.!?]$/, '')}, behind a disc in front of a soft gradient.`;
}
