/** Everything that a recording becomes, in one document: to read at once, to export, and to hand to a colleague. */
import { CONTENT_KIT_TYPES } from '#libs/contracts/generate.ts';
import { type Label, labelOf } from './messages.ts';
import type { DocumentContent } from './step.ts';
import { demoteHeadings, splitTitle } from './text.ts';

type Component = (typeof CONTENT_KIT_TYPES)[number];

/** What readers look for first comes first. */
const SECTIONS: readonly (readonly [component: Component, label: Label])[] = [
  ['blog', 'article'],
  ['social', 'posts'],
  ['image_prompts', 'image_prompts'],
  ['insights', 'insights'],
  ['transcript', 'transcript'],
];

/** @param componentOf the document of a part that is complete. */
export function assembleContentKit(
  language: string,
  componentOf: (component: Component) => DocumentContent,
): DocumentContent {
  const components = new Map(CONTENT_KIT_TYPES.map((component) => [component, componentOf(component)]));
  const of = (component: Component) => components.get(component) as DocumentContent;
  const { outline, ...article } = of('blog').content;
  const { title } = of('insights');
  const sections = SECTIONS.map(([component, label]) => sectionOf(labelOf(label, language), of(component)));
  return {
    title,
    content: {
      title,
      transcript: of('transcript').content,
      insights: of('insights').content,
      outline: { title: article.title, sections: outline },
      article,
      ...of('social').content,
      image_prompts: of('image_prompts').content.prompts,
    },
    markdown: `# ${title}\n\n${sections.join('\n\n')}`,
  };
}

/** A document as a section: its headings one level lower, its own title after the name of the section. */
function sectionOf(label: string, { markdown }: DocumentContent): string {
  const { title, body } = splitTitle(markdown);
  const heading = title === null || title === label ? label : `${label}: ${title}`;
  return `## ${heading}\n\n${demoteHeadings(body)}`;
}
