/** An editorial calendar. */
import { z } from 'zod';
import { labelOf } from './messages.ts';
import { documentTitle } from './research.ts';
import { useOfSources } from './sources.ts';
import { type ContentBrief, type ContentPipeline, type JsonSpec, jsonOf } from './step.ts';

const KEY = 'content_plan.write';
const CHANNELS = ['blog', 'linkedin', 'x', 'facebook', 'instagram', 'newsletter', 'video'] as const;
export const DEFAULT_HORIZON_DAYS = 30;
const DAYS_PER_ENTRY = 3;
const MIN_ENTRIES = 3;
const MAX_ENTRIES = 30;

const contentPlan = z.object({
  goal: z.string(),
  entries: z.array(
    z.object({
      day: z.int(),
      channel: z.enum(CHANNELS),
      title: z.string(),
      angle: z.string(),
      keyword: z.string(),
    }),
  ),
});
type ContentPlan = z.infer<typeof contentPlan>;

export const contentPlanPipeline: ContentPipeline = {
  steps: (brief) => {
    const days = horizonOf(brief);
    const count = entryCount(days);
    return [
      {
        key: KEY,
        part: 'content_plan',
        role: 'writer',
        template: 'content_plan.write@2',
        message: 'content_plan',
        task: `Plan the content of the next ${days} days: exactly ${count} entries in the order of their day (1 to ${days}), spread evenly. Each has a channel, a title to publish under (a specific promise, not a topic), an angle in one sentence that says for whom it is and what it shows, and the keyword it is for. Begin with what the audience must understand first, then comparisons and proof, then decisions. Vary channels and formats (how-to, example, opinion, comparison, answer to an objection), let later entries build on earlier ones, and repeat no title. State the goal of the plan in one sentence whose success can be checked.`,
        inputs: brief.basis,
        sources: useOfSources(brief, 'read'),
        spec: contentPlanSpec(days, count),
        words: count * 48 + 40,
        hasSpare: brief.hasSpares,
        counts: { 'gen.content_plan': 1 },
      },
    ];
  },
  assemble: (brief, outputs) => {
    const { goal, entries } = jsonOf<ContentPlan>(outputs, KEY);
    const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
    const rows = entries.map(
      ({ day, channel, title, angle, keyword }) =>
        `| ${day} | ${channel} | ${cell(title)} | ${cell(angle)} | ${cell(keyword)} |`,
    );
    const title = documentTitle(brief, outputs, labelOf('content_plan', brief.language));
    const columns = (['day', 'channel', 'title', 'angle', 'keyword'] as const).map((label) =>
      labelOf(label, brief.language),
    );
    const table = [`| ${columns.join(' | ')} |`, '| --- | --- | --- | --- | --- |', ...rows];
    return {
      title,
      content: { goal, days: horizonOf(brief), entries },
      markdown: `# ${title}\n\n${goal}\n\n${table.join('\n')}\n`,
    };
  },
};

function horizonOf({ request }: ContentBrief): number {
  return request.horizon_days ?? DEFAULT_HORIZON_DAYS;
}

function entryCount(days: number): number {
  return Math.min(MAX_ENTRIES, Math.max(MIN_ENTRIES, Math.round(days / DAYS_PER_ENTRY)));
}

function contentPlanSpec(days: number, count: number): JsonSpec {
  const isInRange = ({ day }: { day: number }) => day >= 1 && day <= days;
  return {
    kind: 'json',
    name: 'content_plan',
    schema: contentPlan,
    problems: ({ entries }: ContentPlan) => [
      ...(entries.length >= count ? [] : [`Give ${count} entries, not ${entries.length}.`]),
      ...(entries.every(isInRange) ? [] : [`A day is not between 1 and ${days}.`]),
    ],
    fit: ({ goal, entries }: ContentPlan) => ({
      goal,
      entries: entries
        .filter(isInRange)
        .sort((one, other) => one.day - other.day)
        .slice(0, count),
    }),
  };
}
