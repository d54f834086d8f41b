/** Prompts for image models, with the text that readers get who do not see the image. */
import { z } from 'zod';
import { labelOf } from './messages.ts';
import { documentTitle } from './research.ts';
import { type ContentPipeline, type JsonSpec, jsonOf } from './step.ts';
import { shortenTo } from './text.ts';

const KEY = 'image_prompts.write';
const USES = ['hero', 'section', 'social', 'thumbnail'] as const;
const RATIOS = ['1:1', '3:2', '2:3', '16:9', '9:16'] as const;
const COUNT = 4;
/** What `POST /api/images/generate` accepts. */
const MAX_PROMPT = 1_000;
const MAX_ALT_TEXT = 250;

const imagePrompts = z.object({
  prompts: z.array(
    z.object({ use: z.enum(USES), prompt: z.string(), alt_text: z.string(), aspect_ratio: z.enum(RATIOS) }),
  ),
});
type ImagePrompts = z.infer<typeof imagePrompts>;

export const imagePromptsPipeline: ContentPipeline = {
  steps: ({ basis, hasSpares }) => [
    {
      key: KEY,
      part: 'image_prompts',
      role: 'writer',
      template: 'image_prompts.write@2',
      message: 'image_prompts',
      task: `Write exactly ${COUNT} prompts for an image model: one hero image, then the other uses. Each describes one picture in 30 to 70 words: subject and what it does, setting, composition and distance, light, colours, medium or lens. Show a concrete moment of this content, not a symbol such as a light bulb or a handshake. No text in the image, brands, logos or real people. The prompts share a style and differ in subject and composition. Write the prompts in English and the alternative texts (at most ${MAX_ALT_TEXT} characters, what is seen, without "image of") in the language of the content.`,
      inputs: basis,
      spec: SPEC,
      words: COUNT * 95,
      hasSpare: hasSpares,
      counts: { 'gen.image_prompts': 1 },
    },
  ],
  assemble: (brief, outputs) => {
    const { prompts } = jsonOf<ImagePrompts>(outputs, KEY);
    const lines = prompts.map(
      ({ use, prompt, alt_text, aspect_ratio }) =>
        `## ${labelOf(use, brief.language)} (${aspect_ratio})\n\n${prompt}\n\n_${alt_text}_`,
    );
    const title = documentTitle(brief, outputs, labelOf('image_prompts', brief.language));
    return { title, content: { prompts }, markdown: `# ${title}\n\n${lines.join('\n\n')}\n` };
  },
};

const SPEC: JsonSpec = {
  kind: 'json',
  name: 'image_prompts',
  schema: imagePrompts,
  problems: ({ prompts }: ImagePrompts) => [
    ...(prompts.length >= COUNT ? [] : [`Give ${COUNT} prompts, not ${prompts.length}.`]),
    ...(prompts.every(({ prompt }) => prompt.trim().length > 20)
      ? []
      : ['A prompt is too short to draw from.']),
  ],
  localised: ({ prompts }: ImagePrompts) => prompts.map(({ alt_text }) => alt_text),
  fit: ({ prompts }: ImagePrompts) => ({
    prompts: prompts.slice(0, COUNT).map((prompt) => ({
      ...prompt,
      prompt: shortenTo(prompt.prompt, MAX_PROMPT),
      alt_text: shortenTo(prompt.alt_text, MAX_ALT_TEXT),
    })),
  }),
};
