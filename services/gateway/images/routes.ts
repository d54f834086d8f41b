import { generateImages, type ImageRequest } from '#libs/contracts/images.ts';
import { requiredModel } from '../entitlements/domain/check-entitlements.ts';
import type { MeteredRoute } from '../metering/domain/route.ts';
import { cheaperImages, imageSettings, planImages } from './plan.ts';

/** `POST /api/images/generate`. Its plan is fixed: there is nothing to count and nothing to shrink. */
export const generateImagesRoute: MeteredRoute<ImageRequest> = {
  operation: generateImages,
  rateLimitClass: ({ stream }) => ({ generation: true, stream }),
  plan: planImages,
  cheaper: cheaperImages,
  planContext: (check) => {
    const { info } = requiredModel(check, 'image');
    return {
      meter: 'images',
      modelUsed: info.model,
      qualityUsed: imageSettings(check, info).quality,
    };
  },
};
