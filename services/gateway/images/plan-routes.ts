import type { FastifyInstance, FastifyRequest } from 'fastify';
import { featureGrant } from '#libs/catalogue/access.ts';
import type { Entitlements } from '#libs/catalogue/entitlements.ts';
import type { Catalogue } from '#libs/catalogue/schema.ts';
import { plansWith } from '#libs/catalogue/suggest.ts';
import type { AccountEntitlements } from '#libs/clients/account-entitlements.ts';
import { succeed } from '#libs/contracts/envelope.ts';
import {
  generateImages,
  getImageCapabilities,
  getImageUsage,
  type ImageCapabilities,
  type ImageModels,
  LONGEST_IMAGE_PROMPT,
  listImageModels,
  MAX_IMAGES,
} from '#libs/contracts/images.ts';
import type { Caller } from '#libs/contracts/internal-context.ts';
import { limitToWire } from '#libs/contracts/limits.ts';
import { formatUsd } from '#libs/money/money.ts';
import { imageFormatOf } from '#libs/pipelines/image-formats.ts';
import { worstCaseNanoUsd } from '#libs/pricing/price.ts';
import { meteringUnavailable } from '#libs/service/refusal.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { mayUseModel } from '../entitlements/model-access.ts';
import type { ReadStanding } from '../entitlements/plan-context.ts';
import { badgeOf, nearestToItsEnd, upgradePromptOf, usageOf } from '../entitlements/plan-info.ts';
import type { PriceBook } from '../metering/price-book.ts';

export type ImagePlanDependencies = {
  priceBook: PriceBook;
  entitlements: Pick<AccountEntitlements, 'get' | 'catalogueOf' | 'suggestPlans'>;
  readStanding: ReadStanding;
  callerOf: (request: FastifyRequest) => Caller;
};

const METER = 'images';

/** What an account's plan lets images be, and how many of them. */
export function registerImagePlans(app: FastifyInstance, dependencies: ImagePlanDependencies): void {
  const { priceBook, entitlements, readStanding, callerOf } = dependencies;

  async function planOf(request: FastifyRequest): Promise<{ may: Entitlements; catalogue: Catalogue }> {
    const may = await entitlements.get(callerOf(request).accountId);
    const catalogue = await entitlements.catalogueOf(may);
    if (catalogue === undefined) throw meteringUnavailable(new Error('the catalogue could not be read'));
    return { may, catalogue };
  }

  serveOperation(app, getImageCapabilities, async (request) => {
    const { may, catalogue } = await planOf(request);
    return succeed(capabilitiesOf(may, catalogue, priceBook));
  });

  serveOperation(app, listImageModels, async (request) => {
    const { may, catalogue } = await planOf(request);
    return succeed(modelsOf(may, catalogue, priceBook));
  });

  serveOperation(app, getImageUsage, async (request) => {
    const { accountId, userId, keyId, workspaceId } = callerOf(request);
    // Also opens the books of an account that is new.
    const may = await entitlements.get(accountId);
    const standing = await readStanding({ accountId, userId, keyId, workspaceId }).catch((error: unknown) => {
      throw meteringUnavailable(error);
    });
    const limits = standing?.limits ?? [];
    const use = nearestToItsEnd(limits, new Set([METER]));
    const prompt = await upgradePromptOf(use, (limit) => entitlements.suggestPlans(may, limit));
    return succeed({
      plan: may.plan.key,
      usage: usageOf(limits, METER),
      badge: badgeOf(may, use),
      ...(prompt && { upgrade_prompt: prompt }),
      limits: limits.filter(({ meter }) => meter === METER).map(limitToWire),
    });
  });
}

/** The features that parts of a request for images take, as its contract says. */
const FEATURES = generateImages.needs.flatMap((need) =>
  need.kind === 'feature' && need.without !== null ? [need.feature] : [],
);

function capabilitiesOf(may: Entitlements, catalogue: Catalogue, priceBook: PriceBook): ImageCapabilities {
  const { qualities, platforms, imageModels, plan } = may;
  const isIncluded = (name: string, ladder: typeof qualities) =>
    ladder.ladder.length === 0 || ladder.allowed.includes(name);
  const marked = (ladder: typeof qualities) =>
    Object.fromEntries(ladder.ladder.map((name) => [name, isIncluded(name, ladder)]));
  const features = Object.fromEntries(
    FEATURES.map((feature) => [feature, featureGrant(may, feature).granted]),
  );
  const models = offeredModels(may, catalogue, priceBook).filter((info) => mayUseModel(may, 'image', info));
  return {
    plan: plan.key,
    can_generate: models.length > 0,
    default_model: imageModels.default,
    models: models.map(({ model }) => model),
    qualities: marked(qualities),
    quality_presets: Object.entries(catalogue.qualityPresets).map(([name, preset]) => ({
      name,
      ...preset,
      included: isIncluded(preset.quality, qualities),
    })),
    platforms: marked(platforms),
    features,
    max_count: features.image_batch ? MAX_IMAGES : 1,
    max_prompt_length: LONGEST_IMAGE_PROMPT,
  };
}

function modelsOf(may: Entitlements, catalogue: Catalogue, priceBook: PriceBook): ImageModels {
  return {
    plan: may.plan.key,
    default_model: may.imageModels.default,
    models: offeredModels(may, catalogue, priceBook).map((info) => {
      const { price } = priceBook.priced(`${info.provider}/${info.model}`);
      const bound = { inputTokens: 0, outputTokens: 0, otherUnits: { image: 1 } };
      return {
        model: info.model,
        provider: info.provider,
        included: mayUseModel(may, 'image', info),
        price_per_image_usd: formatUsd(worstCaseNanoUsd(bound, price)),
        sizes: [...imageFormatOf(info.upstreamModel).sizes],
        plans: plansWith(catalogue, may.plan.key, 'imageModels', info.model).map(({ key }) => key),
      };
    }),
  };
}

/** The image models that the catalogue sells, in the order of its ladder, then those the account has beyond it. */
function offeredModels(may: Entitlements, catalogue: Catalogue, priceBook: PriceBook) {
  const images = priceBook.models().filter(({ kind }) => kind === 'image');
  const onLadder = catalogue.imageModels.flatMap((name) => images.filter(({ model }) => model === name));
  return [
    ...onLadder,
    ...images.filter((info) => mayUseModel(may, 'image', info) && !onLadder.includes(info)),
  ];
}
