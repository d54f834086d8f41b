/** A newsletter with the lines that mail clients show before it is opened. */
import { z } from 'zod';
import { useOfSources } from './sources.ts';
import { type ContentPipeline, type JsonSpec, jsonOf } from './step.ts';
import { countWords, plainText, shortenTo } from './text.ts';
import { type Alternatives, alternativesOf } from './variants.ts';

const KEY = 'newsletter.write';
const WORDS = { short: 200, medium: 350, long: 700 } as const;
/** What common mail clients show of them. */
const MAX_SUBJECT = 60;
const MAX_PREHEADER = 100;

const newsletter = z.object({
  subject: z.string(),
  preheader: z.string(),
  greeting: z.string(),
  sections: z.array(z.object({ heading: z.string(), body: z.string() })),
  call_to_action: z.string(),
});
type Newsletter = z.infer<typeof newsletter> & Alternatives;

export const newsletterPipeline: ContentPipeline = {
  steps: (brief) => {
    const { request, basis, hasSpares } = brief;
    const { length } = request;
    const subjects = alternativesOf(request, 'subject', MAX_SUBJECT);
    const words = typeof length === 'string' ? WORDS[length] : length;
    return [
      {
        key: KEY,
        part: 'newsletter',
        role: 'writer',
        template: 'newsletter.write@2',
        message: 'newsletter',
        task: `Write a newsletter of about ${words} words, from one person to one reader: a subject of at most ${MAX_SUBJECT} characters that promises one concrete thing and keeps it, without capitals, exclamation marks or clickbait; a preheader of at most ${MAX_PREHEADER} characters that adds to the subject; a short greeting without placeholders such as [Name]; two to four sections, the most useful first, each with a heading and a body in Markdown that readers can act on or retell; and one call to action as a sentence with one single next step.${subjects.task}`,
        inputs: basis,
        sources: useOfSources(brief, 'read'),
        spec: newsletterSpec(words, subjects),
        words: Math.round(words * 1.3) + 60 + subjects.words,
        hasSpare: hasSpares,
        counts: { 'gen.newsletter': 1 },
      },
    ];
  },
  assemble: (_brief, outputs) => {
    const letter = jsonOf<Newsletter>(outputs, KEY);
    const { subject, preheader, greeting, sections, call_to_action, alternatives } = letter;
    const body = [
      greeting,
      ...sections.map(({ heading, body: text }) => `## ${heading}\n\n${text}`),
      call_to_action,
    ];
    return {
      title: subject,
      content: {
        ...{ subject, preheader, greeting, sections, call_to_action },
        ...(alternatives && { alternatives }),
      },
      markdown: `# ${subject}\n\n_${preheader}_\n\n${body.filter(Boolean).join('\n\n')}\n`,
    };
  },
};

function newsletterSpec(words: number, subjects: ReturnType<typeof alternativesOf>): JsonSpec {
  return {
    kind: 'json',
    name: 'newsletter',
    schema: newsletter.extend(subjects.shape),
    problems: ({ subject, preheader, sections, ...more }: Newsletter) => {
      const written = sections.reduce((sum, { body }) => sum + countWords(plainText(body)), 0);
      return [
        ...lengthProblem('subject', subject, MAX_SUBJECT),
        ...subjects.problems(more),
        ...lengthProblem('preheader', preheader, MAX_PREHEADER),
        ...(sections.length >= 2 ? [] : ['Give at least two sections.']),
        ...(written >= words * 0.5 ? [] : [`The sections have ${written} words, about ${words} are wanted.`]),
      ];
    },
    fit: (value: Newsletter) => ({
      ...value,
      ...subjects.fit(value),
      subject: shortenTo(plainText(value.subject), MAX_SUBJECT),
      preheader: shortenTo(plainText(value.preheader), MAX_PREHEADER),
    }),
  };
}

function lengthProblem(name: string, text: string, max: number): string[] {
  if (text.trim() === '') return [`The ${name} is empty.`];
  return text.length > max ? [`The ${name} has ${text.length} characters, at most ${max} are allowed.`] : [];
}
