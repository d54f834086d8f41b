import type { FastifyPluginAsync } from 'fastify';
import { meteredRoute } from '../metering/plugin.ts';
import { acceptForms } from './form.ts';
import { createSpeechRoute, transcriptionRoute } from './routes.ts';

/** OpenAI-compatible audio. */
export const audioPlugin: FastifyPluginAsync = async (app) => {
  meteredRoute(app, createSpeechRoute);
  // A scope of its own: no other route accepts forms.
  await app.register(async (scope) => {
    await acceptForms(scope);
    transcriptionRoute(scope);
  });
};
