import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
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

const PREFIXED_MODEL = {
  ...getModel,
  path: '/v1/models/{prefix}/{model}',
  params: z.object({ prefix: z.string().min(1), model: z.string().min(1) }),
};

export function modelRoutes(
  app: FastifyInstance,
  { priceBook, entitlements }: { priceBook: PriceBook; entitlements: Pick<AccountEntitlements, 'get'> },
): void {
  const present = (info: ModelInfo) => presentModel(info, priceBook.soldSince(info));

  serveOperation(app, listModels, async (request) => {
    const account = await entitlements.get(request.caller.accountId);
    const models = SOLD_KINDS.flatMap((kind) => allowedModels(account, kind, priceBook));
    return {
      object: 'list' as const,
      data: models.map(present),
      has_more: false as const,
      first_id: models.at(0)?.model ?? null,
      last_id: models.at(-1)?.model ?? null,
    };
  });

  async function show(accountId: string, name: string) {
    const account = await entitlements.get(accountId);
    const { info } = priceBook.priced(name);
    if (!SOLD_KINDS.some((kind) => mayUseModel(account, kind, info))) {
      throw problem('unknown_model', {
        detail: `The plan does not include the model ${info.model}.`,
        fields: { model: info.model },
      });
    }
    return present(info);
  }

  serveOperation(app, getModel, ({ caller, params }) => show(caller.accountId, params.model));
  // Older SDKs do not encode the slash in names like openai/gpt-4o.
  serveOperation(app, PREFIXED_MODEL, ({ caller, params }) =>
    show(caller.accountId, `${params.prefix}/${params.model}`),
  );
}

function presentModel(info: ModelInfo, soldSince: Date) {
  return {
    id: info.model,
    object: 'model' as const,
    created: Math.floor(soldSince.getTime() / 1000),
    owned_by: info.provider,
    type: 'model' as const,
    display_name: info.model,
    created_at: soldSince.toISOString(),
  };
}
