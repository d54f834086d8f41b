import type { FastifyPluginAsync } from 'fastify';
import { approveGeneration, retryGeneration } from '#libs/contracts/generations.ts';
import { meteredRoute, translatedRoute } from '../metering/plugin.ts';
import { isModerated, moderatedRoute } from '../safety/domain.ts';
import type { ContentSources } from './inputs.ts';
import { prepareApproval, prepareRetry } from './retry-routes.ts';
import { createGenerationRoute, generateContentRoute } from './routes.ts';

export type ContentOptions = Pick<ContentSources, 'generation' | 'searchProviders'>;

export const contentPlugin: FastifyPluginAsync<ContentOptions> = async (app, options) => {
  const sources = { ...options, priceBook: app.metering.priceBook };
  for (const route of [generateContentRoute(sources), createGenerationRoute(sources)])
    meteredRoute(app, moderatedRoute(route, sources.priceBook, isModerated('content')));
  translatedRoute(app, retryGeneration, ({ params, id: requestId, caller }) =>
    prepareRetry(sources, { id: params.id, requestId, caller }),
  );
  translatedRoute(app, approveGeneration, ({ params, body, id: requestId, caller }) =>
    prepareApproval(sources, { id: params.id, requestId, caller }, body.outline),
  );
};
