import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Entitlements } from '#libs/catalogue/entitlements.ts';
import { getModel, listModels } from '#libs/contracts/chat-operations.ts';
import type { Caller } from '#libs/contracts/internal-context.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import { problem } from '#libs/problems/problems.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { allowedModels, mayUseModel } from '../entitlements/model-access.ts';
import type { PriceBook } from '../metering/price-book.ts';

export type ModelsDependencies = {
  priceBook: PriceBook;
  entitlementsOf: (caller: Caller) => Promise<Entitlements>;
  callerOf: (request: FastifyRequest) => Caller;
};

/** `GET /v1/models`: what an OpenAI client offers to choose from, which is what the plan includes. */
export function registerModels(
  app: FastifyInstance,
  { priceBook, entitlementsOf, callerOf }: ModelsDependencies,
): void {
  serveOperation(app, listModels, async (request) => {
    const entitlements = await entitlementsOf(callerOf(request));
    return {
      object: 'list' as const,
      data: allowedModels(entitlements, 'text', priceBook).map(presentModel),
    };
  });
  serveOperation(app, getModel, async (request) => {
    const entitlements = await entitlementsOf(callerOf(request));
    const { info } = priceBook.priced(request.params.model);
    if (!mayUseModel(entitlements, 'text', info))
      throw problem('unknown_model', { fields: { model: info.model } });
    return presentModel(info);
  });
}

/** OpenAI wants a date of creation; nobody reads it, and vendors do not publish one. */
const CREATED = 0;

function presentModel(info: ModelInfo) {
  return { id: info.model, object: 'model' as const, created: CREATED, owned_by: info.provider };
}
