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
  const present = (info: ModelInfo) => presentModel(info, priceBook.soldSince(info));

  serveOperation(app, listModels, async (request) => {
    const account = await entitlements.get(request.caller.accountId);
    return { object: 'list' as const, data: allowedModels(account, 'text', priceBook).map(present) };
  });

  serveOperation(app, getModel, async (request) => {
    const account = await entitlements.get(request.caller.accountId);
    const { info } = priceBook.priced(request.params.model);
    if (!mayUseModel(account, 'text', info)) {
      throw problem('unknown_model', {
        detail: `The plan does not include the model ${info.model}.`,
        fields: { model: info.model },
      });
    }
    return present(info);
  });
}

function presentModel(info: ModelInfo, soldSince: Date) {
  const created = Math.floor(soldSince.getTime() / 1000);
  return { id: info.model, object: 'model' as const, created, owned_by: info.provider };
}
