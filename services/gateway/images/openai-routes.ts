import type { FastifyInstance } from 'fastify';
import { createImage } from '#libs/contracts/image-generations.ts';
import type { ImageRequest } from '#libs/contracts/images.ts';
import type { MeteredRoute } from '../metering/domain/route.ts';
import { translatedRoute } from '../metering/plugin.ts';
import { moderatedRoute } from '../safety/domain.ts';
import { cheaperOpenAiImages, planOpenAiImages } from './openai-plan.ts';
import { checkImageFields, toImageRequest } from './openai-request.ts';
import { translateImages } from './openai-response.ts';
import { generateImagesRoute } from './routes.ts';

/** `POST /v1/images/generations`: the same pipeline as `POST /api/images/generate`. */
export function openAiImageRoutes(app: FastifyInstance, now: () => Date): void {
  app.addHook('preValidation', (request, _reply, done) => {
    checkImageFields(request.body);
    done();
  });
  translatedRoute(app, createImage, ({ body }) => {
    const route: MeteredRoute<ImageRequest> = {
      operation: createImage,
      rateLimitClass: generateImagesRoute.rateLimitClass,
      plan: (check) => planOpenAiImages(check, body),
      cheaper: (check) => cheaperOpenAiImages(check, body),
      translate: translateImages(body.response_format, Math.floor(now().getTime() / 1000)),
    };
    return { body: toImageRequest(body), route: moderatedRoute(route, app.metering.priceBook) };
  });
}
