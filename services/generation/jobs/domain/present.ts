import type { ArticleOutline } from '#libs/contracts/generate.ts';
import type { GenerationView } from '#libs/contracts/generations.ts';
import { formatUsd } from '#libs/money/money.ts';
import { stepMessage } from '#libs/pipelines/content/messages.ts';
import { type GenerationRow, jobOf, partStatuses, type StepRow, statusesOf } from './job.ts';

type StepSummary = Pick<
  StepRow,
  'key' | 'status' | 'model' | 'error' | 'costNanoUsd' | 'tokens' | 'warnings'
>;
type DocumentSummary = { readonly id: string; readonly type: string };

export function presentJob(
  row: GenerationRow,
  rows: readonly StepSummary[],
  documents: readonly DocumentSummary[],
  outline?: StepRow['output'],
): GenerationView {
  const job = jobOf(row);
  const { brief, steps } = job;
  const { rewrite, source } = brief.inputs;
  const rewrittenId = (rewrite && source?.document_id) ?? null;
  const specs = new Map(steps.map((step) => [step.key, step]));
  return {
    id: row.id,
    status: row.status,
    percent: row.percent,
    content_types: row.contentTypes as GenerationView['content_types'],
    language: brief.language,
    words: brief.words,
    scale: row.scale,
    model: row.model,
    cached: row.copyOf !== null && row.status === 'completed',
    request: row.request,
    steps: rows.map((one) => {
      const spec = specs.get(one.key);
      return {
        step: one.key,
        status: one.status,
        message: spec === undefined ? one.key : stepMessage(spec.message, brief.language, spec.number),
        model: one.model,
        usage: presentUsage(one),
        error: one.error,
        warnings: one.warnings,
      };
    }),
    parts: [...partStatuses(job, statusesOf(rows))].map(([part, status]) => ({
      content_type: part,
      status,
      document_id: documents.find(({ type }) => type === part)?.id ?? rewrittenId,
    })),
    usage: presentUsage(row),
    error: row.error,
    approval: outline ? { outline: outline.json as ArticleOutline } : null,
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
    started_at: row.startedAt?.toISOString() ?? null,
    finished_at: row.finishedAt?.toISOString() ?? null,
  };
}

function presentUsage({ costNanoUsd, tokens }: { costNanoUsd: bigint; tokens: number }) {
  return { cost_usd: formatUsd(costNanoUsd), tokens };
}
