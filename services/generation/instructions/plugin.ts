import type { FastifyPluginAsync } from 'fastify';
import { type FeatureSource, requireFeature } from '#libs/clients/require-feature.ts';
import { brandVoices } from '#libs/contracts/brand-voices.ts';
import { previewPrompt, prompts } from '#libs/contracts/prompts.ts';
import { checkTemplate, type PromptTemplate, renderPrompt } from '#libs/pipelines/prompt-template.ts';
import { problem } from '#libs/problems/problems.ts';
import { callerOf } from '#libs/service/internal-calls.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { type InstructionOptions, instructionRoutes } from './routes.ts';
import { loadPrompt } from './store.ts';

export { loadBrandVoice, loadPrompt } from './store.ts';

export type InstructionsOptions = InstructionOptions & { entitlements: FeatureSource };

/** Brand voices and custom prompts: versioned instructions that an account's content follows. */
export const instructionsPlugin: FastifyPluginAsync<InstructionsOptions> = async (app, options) => {
  instructionRoutes(app, options, {
    kind: 'brand_voice',
    operations: brandVoices,
    checkPlan: async () => {},
    checkContent: () => {},
  });
  instructionRoutes(app, options, {
    kind: 'prompt',
    operations: prompts,
    checkPlan: (accountId) => requireFeature(options.entitlements, accountId, 'custom_prompts'),
    checkContent: (content) => checkTemplate(content as PromptTemplate),
  });

  serveOperation(app, previewPrompt, async (request) => {
    const prompt = await loadPrompt(options.database, callerOf(request).accountId, request.params.id);
    if (prompt === undefined) throw problem('not_found');
    return { version: prompt.version, text: renderPrompt(prompt, request.body.variables) };
  });
};
