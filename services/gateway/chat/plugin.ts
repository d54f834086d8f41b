import type { FastifyPluginAsync } from 'fastify';
import { meteredRoute } from '../metering/plugin.ts';
import { dropIgnoredFields } from './ignored-fields.ts';
import { chatCompletionRoute } from './routes.ts';

/** OpenAI-compatible chat completions. */
export const chatPlugin: FastifyPluginAsync = async (app) => {
  app.addHook('preValidation', (request, _reply, done) => {
    if (dropIgnoredFields(request.body)) request.rawBody = Buffer.from(JSON.stringify(request.body));
    done();
  });
  meteredRoute(app, chatCompletionRoute);
};
