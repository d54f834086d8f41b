import type { FastifyPluginAsync } from 'fastify';
import { dropNulls, isFields, take } from '../chat/domain/fields.ts';
import { meteredRoute } from '../metering/plugin.ts';
import { createEmbeddingsRoute } from './routes.ts';

export { createEmbeddingsRoute };

/** OpenAI-compatible embeddings. */
export const embeddingsPlugin: FastifyPluginAsync = async (app) => {
  app.addHook('preValidation', (request, _reply, done) => {
    const { body } = request;
    if (isFields(body)) {
      const hadNulls = dropNulls(body);
      if (take(body, ['metadata']).length > 0 || hadNulls)
        request.rawBody = Buffer.from(JSON.stringify(body));
    }
    done();
  });
  meteredRoute(app, createEmbeddingsRoute);
};
