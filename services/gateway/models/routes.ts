import type { FastifyInstance } from 'fastify';
import type { AccountEntitlements } from '#libs/clients/account-entitlements.ts';
import { getModel, listModels } from '#libs/contracts/chat-operations.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import { problem } from '#libs/problems/problems.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { allowedModels, mayUseModel, type PlanModelKind } from '../entitlements/domain/models.ts';
import type { PriceBook } from '../prices/domain.ts';

/** Kinds of models with an OpenAI-compatible route, in the order of the list. */
const SOLD_KINDS = [
  'text',
  'image',
  'embedding',
  'moderation',
  'audio',
  'speech',
] as const satisfies PlanModelKind[];

export function modelRoutes(
  app: FastifyInstance,
  { priceBook, entitlements }: { priceBook: PriceBook; entitlements: Pick<AccountEntitlements, 'get'> },
): void {
  const present = (info: ModelInfo) => presentModel(info, priceBook.soldSince(info));

  serveOperation(app, listModels, async (request) => {
    const account = await entitlements.get(request.caller.accountId);
    const models = SOLD_KINDS.flatMap((kind) => allowedModels(account, kind, priceBook));
    return { object: 'list' as const, data: models.map(present) };
  });

  serveOperation(app, getModel, async (request) => {
    const account = await entitlements.get(request.caller.accountId);
    const { info } = priceBook.priced(request.params.model);
    if (!SOLD_KINDS.some((kind) => mayUseModel(account, kind, info))) {
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
