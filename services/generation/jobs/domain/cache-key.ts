/** When two jobs are equal: the same request, written by the same steps and models for the same owner. */
import { createHash } from 'node:crypto';
import type { GenerateRequest } from '#libs/contracts/generate.ts';
import type { PlannedCall } from '#libs/contracts/generation-requests.ts';
import type { Job } from './job.ts';

/** They choose models and lengths, which the key has from the plan. */
const CHOICES = new Set(['model', 'fit_budget', 'allow_degraded']);
/** What a job keeps that its steps do not read. */
const ABOUT_DELIVERY = { cache: undefined, response: undefined, traceparent: undefined };
/** Lists whose order means nothing. */
const SETS = new Set(['content_types', 'networks']);

/**
 * @param owner whose jobs share results.
 * @param job with everything that it reads in its context. Its steps carry the versions of their prompts.
 */
export function cacheKeyOf(owner: string, { row, brief, steps }: Job, calls: readonly PlannedCall[]): string {
  const parts = {
    owner,
    request: normalised(row.request as GenerateRequest),
    context: { ...row.context, ...ABOUT_DELIVERY },
    scale: row.scale,
    brief: { ...brief, request: null },
    steps: steps.map(({ key, template, task, words }) => [key, template, task, words]),
    calls: calls.map(({ step, provider, model, outputTokens, image = null, price }) => [
      ...[step, provider, model, outputTokens, image, price.version],
    ]),
  };
  return createHash('sha256').update(JSON.stringify(parts, sorted)).digest('hex');
}

/** White space and the order of sets do not make another request. */
function normalised(request: GenerateRequest): Record<string, unknown> {
  const fields = Object.entries(request).filter(([name]) => !CHOICES.has(name));
  return Object.fromEntries(
    fields.map(([name, value]) => [
      name,
      typeof value === 'string' ? value.normalize('NFC').replace(/\s+/gu, ' ').trim() : inOrder(name, value),
    ]),
  );
}

function inOrder(name: string, value: unknown): unknown {
  return SETS.has(name) && Array.isArray(value) ? value.toSorted() : value;
}

/** Objects with their keys in one order: rows of the database and parsed requests differ in it. */
function sorted(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1)));
}
