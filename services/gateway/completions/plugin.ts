import type { FastifyPluginAsync } from 'fastify';
import { createCompletion } from '#libs/contracts/completions.ts';
import { translatedChatRoute } from '../chat/plugin.ts';
import { checkCompletionFields, toChat } from './request.ts';
import { COMPLETION_ANSWERS } from './response.ts';

/** OpenAI's legacy completions. */
export const completionsPlugin: FastifyPluginAsync = async (app) => {
  app.addHook('preValidation', (request, _reply, done) => {
    checkCompletionFields(request.body);
    done();
  });
  translatedChatRoute(app, createCompletion, ({ body }) => ({
    chat: toChat(body),
    ignored: [],
    answers: COMPLETION_ANSWERS,
    messagesIn: 'prompt',
  }));
};
