import type { FastifyInstance } from 'fastify';
import type { AccountEntitlements } from '#libs/clients/account-entitlements.ts';
import { getModel, listModels } from '#libs/contracts/chat-operations.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import { problem } from '#libs/problems/problems.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { allowedModels, mayUseModel } from '../entitlements/domain/models.ts';
import type { PriceBook } from '../prices/domain.ts';

export function modelRoutes(
  app: FastifyInstance,
  { priceBook, entitlements }: { priceBook: PriceBook; entitlements: Pick<AccountEntitlements, 'get'> },
): void {
  serveOperation(app, listModels, async (request) => {
    const account = await entitlements.get(request.caller.accountId);
    return { object: 'list' as const, data: allowedModels(account, 'text', priceBook).map(presentModel) };
  });

  serveOperation(app, getModel, async (request) => {
    const account = await entitlements.get(request.caller.accountId);
    const { info } = priceBook.priced(request.params.model);
    if (!mayUseModel(account, 'text', info)) {
      throw problem('unknown_model', { fields: { model: info.model } });
    }
    return presentModel(info);
  });
}

/** Required by OpenAI's format. Providers do not publish it. */
const CREATED = 0;

function presentModel(info: ModelInfo) {
  return { id: info.model, object: 'model' as const, created: CREATED, owned_by: info.provider };
}
