import type { FastifyInstance, FastifyRequest } from 'fastify';
import { featureGrant } from '#libs/catalogue/access.ts';
import type { Entitlements } from '#libs/catalogue/entitlements.ts';
import type { Catalogue } from '#libs/catalogue/schema.ts';
import { plansWith } from '#libs/catalogue/suggest.ts';
import type { AccountEntitlements } from '#libs/clients/account-entitlements.ts';
import {
  getImageCapabilities,
  getImageUsage,
  type ImageCapabilities,
  type ImageModels,
  listImageModels,
} from '#libs/contracts/image-plans.ts';
import { generateImages, LONGEST_IMAGE_PROMPT, MAX_IMAGES } from '#libs/contracts/images.ts';
import { limitToWire } from '#libs/contracts/limits.ts';
import { refOf } from '#libs/contracts/plan-ref.ts';
import { formatUsd } from '#libs/money/money.ts';
import { imageUnits } from '#libs/pipelines/image.ts';
import { imageFormatOf } from '#libs/pipelines/image-formats.ts';
import { worstCaseNanoUsd } from '#libs/pricing/price.ts';
import { meteringUnavailable } from '#libs/service/refusal.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { mayUseModel } from '../entitlements/domain/models.ts';
import type { ReadLimits } from '../entitlements/domain/plan-context.ts';
import { badgeOf, mostUsedLimit, upgradePromptOf, usageOf } from '../entitlements/domain/plan-usage.ts';
import type { PriceBook } from '../prices/domain.ts';

const METER = 'images';

/** The features that parts of an image request require. */
const FEATURES = generateImages.requirements.flatMap((requirement) =>
  requirement.kind === 'feature' && requirement.without !== null ? [requirement.feature] : [],
);

export type CapabilityDependencies = {
  priceBook: PriceBook;
  entitlements: Pick<AccountEntitlements, 'get' | 'catalogueOf' | 'suggestPlans'>;
  readLimits: ReadLimits;
};

/** What an account's plan includes of image generation, and how much of it is used. */
export function capabilityRoutes(
  app: FastifyInstance,
  { priceBook, entitlements, readLimits }: CapabilityDependencies,
): void {
  async function planOf(request: FastifyRequest): Promise<{ account: Entitlements; catalogue: Catalogue }> {
    const account = await entitlements.get(request.caller.accountId);
    const catalogue = await entitlements.catalogueOf(account);
    if (catalogue === undefined) throw meteringUnavailable(new Error('The catalogue could not be read.'));
    return { account, catalogue };
  }

  serveOperation(app, getImageCapabilities, async (request) => {
    const { account, catalogue } = await planOf(request);
    return capabilitiesOf(account, catalogue, priceBook);
  });

  serveOperation(app, listImageModels, async (request) => {
    const { account, catalogue } = await planOf(request);
    return modelsOf(account, catalogue, priceBook);
  });

  serveOperation(app, getImageUsage, async (request) => {
    const { accountId, userId, keyId, workspaceId } = request.caller;
    // Before the limits: this creates the balances of a new account.
    const account = await entitlements.get(accountId);
    const read = await readLimits({ accountId, userId, keyId, workspaceId }).catch((error: unknown) => {
      throw meteringUnavailable(error);
    });
    const limits = read?.limits ?? [];
    const usage = mostUsedLimit(limits, new Set([METER]));
    const prompt = await upgradePromptOf(usage, (limit) => entitlements.suggestPlans(account, limit));
    return {
      plan: account.plan.key,
      usage: usageOf(limits, METER),
      badge: badgeOf(account, usage),
      ...(prompt && { upgrade_prompt: prompt }),
      limits: limits.filter(({ meter }) => meter === METER).map(limitToWire),
    };
  });
}

function capabilitiesOf(
  account: Entitlements,
  catalogue: Catalogue,
  priceBook: PriceBook,
): ImageCapabilities {
  const { qualities, platforms, imageModels, plan } = account;
  const isIncluded = (name: string, ladder: typeof qualities) =>
    ladder.ladder.length === 0 || ladder.allowed.includes(name);
  const marked = (ladder: typeof qualities) =>
    Object.fromEntries(ladder.ladder.map((name) => [name, isIncluded(name, ladder)]));
  const features = Object.fromEntries(
    FEATURES.map((feature) => [feature, featureGrant(account, feature).granted]),
  );
  const models = soldModels(account, catalogue, priceBook).filter((info) =>
    mayUseModel(account, 'image', info),
  );
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

function modelsOf(account: Entitlements, catalogue: Catalogue, priceBook: PriceBook): ImageModels {
  return {
    plan: account.plan.key,
    default_model: account.imageModels.default,
    models: soldModels(account, catalogue, priceBook).map((info) => {
      const { price, wire } = priceBook.priced(`${info.provider}/${info.model}`);
      const format = imageFormatOf(info.upstreamModel);
      const otherUnits = imageUnits(wire, format, 1, { size: null, quality: null });
      const bound = { inputTokens: 0, outputTokens: 0, otherUnits };
      return {
        model: info.model,
        provider: info.provider,
        included: mayUseModel(account, 'image', info),
        price_per_image_usd: formatUsd(worstCaseNanoUsd(bound, price)),
        sizes: [...format.sizes],
        plans: plansWith(catalogue, account.plan.key, 'imageModels', info.model).map(refOf),
      };
    }),
  };
}

/** The image models on the catalogue's ladder, in its order, then others that the account may use. */
function soldModels(account: Entitlements, catalogue: Catalogue, priceBook: PriceBook) {
  const images = priceBook.models().filter(({ kind }) => kind === 'image');
  const onLadder = catalogue.imageModels.flatMap((name) => images.filter(({ model }) => model === name));
  return [
    ...onLadder,
    ...images.filter((info) => mayUseModel(account, 'image', info) && !onLadder.includes(info)),
  ];
}
