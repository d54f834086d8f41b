import type { FastifyPluginAsync } from 'fastify';
import { rewriteSection } from '#libs/contracts/documents.ts';
import { approveGeneration, retryGeneration } from '#libs/contracts/generations.ts';
import { meteredRoute, translatedRoute } from '../metering/plugin.ts';
import { isModerated, moderatedRoute } from '../safety/domain.ts';
import type { ContentSources } from './inputs.ts';
import { prepareApproval, prepareRetry } from './retry-routes.ts';
import { prepareRewrite } from './rewrite-routes.ts';
import { createGenerationRoute, generateContentRoute } from './routes.ts';

export type ContentOptions = Pick<ContentSources, 'generation' | 'searchProviders'>;

const NO_BYTES = Buffer.alloc(0);

export const contentPlugin: FastifyPluginAsync<ContentOptions> = async (app, options) => {
  const sources = { ...options, priceBook: app.metering.priceBook };
  for (const route of [generateContentRoute(sources), createGenerationRoute(sources)])
    meteredRoute(app, moderatedRoute(route, sources.priceBook, isModerated('content')));
  translatedRoute(app, retryGeneration, ({ params, id: requestId, caller, rawBody }) =>
    prepareRetry(sources, { id: params.id, requestId, caller, bytes: rawBody ?? NO_BYTES }),
  );
  translatedRoute(app, approveGeneration, ({ params, body, id: requestId, caller, rawBody }) =>
    prepareApproval(sources, { id: params.id, requestId, caller, bytes: rawBody ?? NO_BYTES }, body.outline),
  );
  translatedRoute(app, rewriteSection, (request) => prepareRewrite(sources, request));
};
