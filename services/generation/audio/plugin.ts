import type { FastifyPluginAsync } from 'fastify';
import { createAudioHandler } from './routes.ts';

/** Transcriptions and speech in OpenAI's format. */
export const audioPlugin: FastifyPluginAsync = async (app) => {
  app.generationHandlers.audio = createAudioHandler({ runner: app.callRunner, providers: app.providers });
};
