import type { FastifyPluginAsync } from 'fastify';
import { dropNulls, isFields, listOf, take } from '../chat/domain/fields.ts';
import { meteredRoute } from '../metering/plugin.ts';
import { createModerationRoute } from './routes.ts';

/** Removes what costs nothing and changes nothing, in place. @returns whether there was any. */
function dropIgnored(body: unknown): boolean {
  if (!isFields(body)) return false;
  const images = listOf(body.input).flatMap(({ image_url: image }) => (isFields(image) ? [image] : []));
  const hadNulls = dropNulls(body);
  const dropped = [
    ...take(body, ['user', 'metadata']),
    ...images.flatMap((image) => take(image, ['detail'])),
  ];
  return hadNulls || dropped.length > 0;
}

/** OpenAI-compatible moderations. */
export const moderationsPlugin: FastifyPluginAsync = async (app) => {
  app.addHook('preValidation', (request, _reply, done) => {
    if (dropIgnored(request.body)) request.rawBody = Buffer.from(JSON.stringify(request.body));
    done();
  });
  meteredRoute(app, createModerationRoute);
};
