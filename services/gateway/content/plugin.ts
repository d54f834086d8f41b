import type { FastifyPluginAsync } from 'fastify';
import type { InternalClient } from '#libs/clients/internal-client.ts';
import { retryGeneration } from '#libs/contracts/generations.ts';
import { meteredRoute, translatedRoute } from '../metering/plugin.ts';
import { prepareRetry } from './retry-routes.ts';
import { createGenerationRoute, generateContentRoute } from './routes.ts';

export type ContentOptions = {
  /** One for each generation address. */
  generation: readonly InternalClient[];
};

export const contentPlugin: FastifyPluginAsync<ContentOptions> = async (app, { generation }) => {
  meteredRoute(app, generateContentRoute);
  meteredRoute(app, createGenerationRoute);
  translatedRoute(app, retryGeneration, (request) =>
    prepareRetry(generation, { id: request.params.id, requestId: request.id, caller: request.caller }),
  );
};
