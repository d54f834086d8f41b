import type { FastifyPluginAsync } from 'fastify';
import { rewriteSection } from '#libs/contracts/documents.ts';
import { approveGeneration, retryGeneration } from '#libs/contracts/generations.ts';
import { draftInboxReply } from '#libs/contracts/inbox.ts';
import { meteredRoute, translatedRoute } from '../metering/plugin.ts';
import { isModerated, moderatedRoute } from '../safety/domain.ts';
import { prepareDraft } from './draft-routes.ts';
import type { ContentSources } from './inputs.ts';
import { prepareApproval, prepareRetry } from './retry-routes.ts';
import { prepareRewrite } from './rewrite-routes.ts';
import { createGenerationRoute, generateContentRoute } from './routes.ts';

export type ContentOptions = Pick<ContentSources, 'generation' | 'searchProviders'>;

/** The route of content in the background, with the moderation that the catalogue asks for. */
export function backgroundContent(sources: ContentSources) {
  return moderatedRoute(createGenerationRoute(sources), sources.priceBook, isModerated('content'));
}

const NO_BYTES = Buffer.alloc(0);

export const contentPlugin: FastifyPluginAsync<ContentOptions> = async (app, options) => {
  const sources = { ...options, priceBook: app.metering.priceBook };
  meteredRoute(app, moderatedRoute(generateContentRoute(sources), sources.priceBook, isModerated('content')));
  meteredRoute(app, backgroundContent(sources));
  translatedRoute(app, retryGeneration, ({ params, id: requestId, caller, rawBody }) =>
    prepareRetry(sources, { id: params.id, requestId, caller, bytes: rawBody ?? NO_BYTES }),
  );
  translatedRoute(app, approveGeneration, ({ params, body, id: requestId, caller, rawBody }) =>
    prepareApproval(sources, { id: params.id, requestId, caller, bytes: rawBody ?? NO_BYTES }, body.outline),
  );
  translatedRoute(app, draftInboxReply, (request) => prepareDraft(sources, request));
  translatedRoute(app, rewriteSection, (request) => prepareRewrite(sources, request));
};
