/**
 * The plan of `POST /api/generate`: which provider calls a content request makes, and how large each can become.
 *
 * The gateway prices this plan and generation runs it. A step's prompt contains the result of an earlier step, so its
 * size is only known in advance because that result is cut to {@link carriedBytes} before it is used.
 */
import type { ContentType, GenerateRequest } from '#libs/contracts/generate.ts';
import type { CallPlan, PlannedCall } from '#libs/contracts/internal-context.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import type { ModelPriceWire } from '#libs/pricing/price-wire.ts';
import { type ContentStep, type StepPrompt, type StepResults, stepPrompt } from './content-prompts.ts';

type StepDefinition = {
  step: ContentStep;
  /** The step whose result stands in this one's prompt. */
  after: ContentStep | null;
  outputTokens: number;
  /** The counted meters it fulfils. */
  counts: Readonly<Record<string, number>>;
};

const BLOG: readonly StepDefinition[] = [
  { step: 'research', after: null, outputTokens: 500, counts: {} },
  { step: 'write', after: 'research', outputTokens: 1200, counts: {} },
  { step: 'edit', after: 'write', outputTokens: 1200, counts: { 'gen.blog': 1 } },
];
const SOCIAL: readonly StepDefinition[] = [
  { step: 'social', after: 'edit', outputTokens: 500, counts: { 'gen.social': 1 } },
];

/** A generation at less than this share of its caps is not worth reading. */
export const SMALLEST_SCALE = 0.2;

/** What models think before they write comes on top of what the text needs, inside the same cap. */
const REASONING_FACTOR = 2;

/** Bytes of a result that go into the next prompt for each token it may have; prose has four to five. */
const CARRIED_BYTES_PER_TOKEN = 6;

/** Around the two messages of a step, whatever the vendor. */
const OVERHEAD_TOKENS = 96;

/** Social posts are made from the article, so asking for them alone writes it too, but counts no blog. */
function stepsOf(types: readonly ContentType[]): StepDefinition[] {
  const wantsBlog = types.includes('blog');
  const blog = BLOG.map((definition) => (wantsBlog ? definition : { ...definition, counts: {} }));
  return types.includes('social') ? [...blog, ...SOCIAL] : blog;
}

/** How many bytes of a step's result later prompts may carry. */
export function carriedBytes(outputTokens: number): number {
  return outputTokens * CARRIED_BYTES_PER_TOKEN;
}

/** Cuts a text to so many bytes of UTF-8, never inside a character. */
export function cutToBytes(text: string, bytes: number): string {
  if (Buffer.byteLength(text) <= bytes) return text;
  const cut = Buffer.from(text).subarray(0, bytes);
  // A character that was cut in two decodes to a replacement, which takes up to three bytes again.
  return cut.toString('utf8').replace(/\uFFFD+$/u, '');
}

function promptBytes({ system, user }: StepPrompt): number {
  return Buffer.byteLength(system) + Buffer.byteLength(user);
}

export type ContentPlanInput = {
  request: GenerateRequest;
  model: ModelInfo;
  price: ModelPriceWire;
  /** The plan's output cap; null leaves it to the steps. */
  outputTokensCap: number | null;
  /** Share of the steps' caps, in (0, 1]: how a request is made to fit a budget. */
  scale?: number;
};

/** Every call is bounded by its prompt's bytes: no tokenizer makes more tokens than a text has bytes. */
export function planContent({
  request,
  model,
  price,
  outputTokensCap,
  scale = 1,
}: ContentPlanInput): CallPlan {
  const most = Math.min(outputTokensCap ?? Number.POSITIVE_INFINITY, model.maxOutputTokens);
  const factor = (model.capabilities.reasoning ? REASONING_FACTOR : 1) * scale;
  const caps = new Map<ContentStep, number>();
  const calls = stepsOf(request.content_types).map(
    ({ step, after, outputTokens, counts }, index): PlannedCall => {
      const cap = Math.max(1, Math.min(most, Math.floor(outputTokens * factor)));
      caps.set(step, cap);
      const carried = after === null ? 0 : carriedBytes(caps.get(after) ?? 0);
      return {
        index,
        step,
        provider: model.provider,
        model: model.model,
        upstreamModel: model.upstreamModel,
        inputTokens: promptBytes(stepPrompt(step, request, {})) + carried + OVERHEAD_TOKENS,
        outputTokens: cap,
        choices: 1,
        otherUnits: {},
        counts,
        price,
      };
    },
  );
  return { kind: 'generate', calls };
}

/** The prompt of a planned step, with the earlier results cut to what the plan assumed of them. */
export function plannedPrompt(
  plan: CallPlan,
  call: PlannedCall,
  request: GenerateRequest,
  results: StepResults,
): StepPrompt {
  const cut: StepResults = {};
  for (const earlier of plan.calls) {
    const step = earlier.step as ContentStep;
    const result = results[step];
    if (result !== undefined) cut[step] = cutToBytes(result, carriedBytes(earlier.outputTokens));
  }
  return stepPrompt(call.step as ContentStep, request, cut);
}

/** Steps whose results a call needs before it can start. */
export function dependsOn(call: PlannedCall): ContentStep | null {
  return [...BLOG, ...SOCIAL].find(({ step }) => step === call.step)?.after ?? null;
}
