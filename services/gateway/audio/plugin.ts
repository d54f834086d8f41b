import type { FastifyPluginAsync } from 'fastify';
import type { InternalClient } from '#libs/clients/internal-client.ts';
import { meteredRoute } from '../metering/plugin.ts';
import { acceptForms } from './form.ts';
import { recordingRoute } from './recording-routes.ts';
import { createSpeechRoute, transcriptionRoute } from './routes.ts';

export type AudioOptions = {
  /** One for each generation address. */
  generation: readonly InternalClient[];
};

/** OpenAI-compatible audio, and the upload of recordings. */
export const audioPlugin: FastifyPluginAsync<AudioOptions> = async (app, { generation }) => {
  meteredRoute(app, createSpeechRoute);
  // A scope of its own: no other route accepts forms.
  await app.register(async (scope) => {
    await acceptForms(scope);
    transcriptionRoute(scope);
    recordingRoute(scope, generation);
  });
};
