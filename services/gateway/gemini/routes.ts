import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { AccountEntitlements } from '#libs/clients/account-entitlements.ts';
import {
  batchEmbedContents,
  countContentTokens,
  embedContent,
  generateContentOfModel,
  getGeminiModel,
  listGeminiModels,
  streamGenerateContent,
} from '#libs/contracts/gemini-operations.ts';
import type { Operation } from '#libs/contracts/operation.ts';
import { googleErrorOf } from '#libs/problems/error-formats.ts';
import { problem } from '#libs/problems/problems.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { estimatePrompt } from '../chat/domain/estimate-prompt.ts';
import { translatedChatRoute } from '../chat/plugin.ts';
import { createEmbeddingsRoute } from '../embeddings/plugin.ts';
import { allowedModels, mayUseModel } from '../entitlements/domain/models.ts';
import { translatedRoute } from '../metering/plugin.ts';
import type { PriceBook } from '../prices/domain.ts';
import { checkGeminiFields } from './check-fields.ts';
import { toEmbeddingRequest, translateEmbeddings } from './embeddings.ts';
import { presentGeminiModel } from './models.ts';
import { promptOf, toChat } from './request.ts';
import { toResponse } from './response.ts';
import { ARRAY, createContentStream, EVENTS } from './stream.ts';

export type GeminiOptions = {
  priceBook: PriceBook;
  entitlements: Pick<AccountEntitlements, 'get'>;
};

const JSON_TYPE = 'application/json; charset=utf-8';

/** The current SDK calls version 1, the older one and the documentation call the beta. Both are the same here. */
const VERSIONS = ['v1beta', 'v1'] as const;

/** A catch-all, so that an unknown method of a model stays an unknown URL, as at Google. */
const GET_ANY_MODEL = {
  ...getGeminiModel,
  path: '/v1beta/models/*',
  params: z.object({ '*': z.string().min(1).max(200) }),
};

const GEMINI_KINDS = ['text', 'embedding'] as const;

export function geminiRoutes(app: FastifyInstance, options: GeminiOptions): void {
  /** What was left out of each request, until its handler runs. */
  const ignored = new WeakMap<object, string[]>();
  app.addHook('preValidation', (request, _reply, done) => {
    ignored.set(request, checkGeminiFields(request.body));
    done();
  });
  const ignoredOf = (request: unknown) => ignored.get(request as FastifyRequest) ?? [];
  for (const version of VERSIONS) methodRoutes(app, options, version, ignoredOf);

  serveOperation(app, listGeminiModels, async ({ caller }) => {
    const account = await options.entitlements.get(caller.accountId);
    const models = GEMINI_KINDS.flatMap((kind) => allowedModels(account, kind, options.priceBook));
    return { models: models.map(presentGeminiModel) };
  });

  serveOperation(app, GET_ANY_MODEL, async ({ caller, params: { '*': model } }) => {
    const account = await options.entitlements.get(caller.accountId);
    const { info } = options.priceBook.priced(model);
    if (!GEMINI_KINDS.some((kind) => mayUseModel(account, kind, info))) {
      throw problem('unknown_model', {
        detail: `The plan does not include the model ${info.model}.`,
        fields: { model: info.model },
      });
    }
    return presentGeminiModel(info);
  });
}

function under<O extends Operation>(version: string, operation: O): O {
  return { ...operation, path: operation.path.replace('/v1beta/', `/${version}/`) };
}

function methodRoutes(
  app: FastifyInstance,
  { priceBook }: Pick<GeminiOptions, 'priceBook'>,
  version: string,
  ignoredOf: (request: unknown) => string[],
): void {
  translatedChatRoute(app, under(version, generateContentOfModel), (request) => ({
    messagesIn: 'contents',
    chat: toChat(request.params.model, request.body, false),
    ignored: ignoredOf(request),
    answers: { whole: toResponse, error: googleErrorOf, stream: () => createContentStream(EVENTS) },
  }));

  translatedChatRoute(app, under(version, streamGenerateContent), (request) => {
    const isArray = request.query.alt !== 'sse';
    return {
      messagesIn: 'contents',
      chat: toChat(request.params.model, request.body, true),
      ignored: ignoredOf(request),
      answers: {
        whole: toResponse,
        error: googleErrorOf,
        stream: () => createContentStream(isArray ? ARRAY : EVENTS),
        ...(isArray && { streamType: JSON_TYPE }),
      },
    };
  });

  serveOperation(app, under(version, countContentTokens), async ({ params, body, caller }, reply) => {
    const { info } = priceBook.priced(params.model);
    const counted = 'generateContentRequest' in body ? body.generateContentRequest : body;
    const prompt = promptOf(params.model, counted as never);
    const whole = await app.inlineLinks(prompt, { caller, response: reply.raw });
    return { totalTokens: await estimatePrompt(whole, info) };
  });

  translatedRoute(app, under(version, embedContent), ({ params, body }) => ({
    body: toEmbeddingRequest(params.model, [body]),
    route: {
      ...createEmbeddingsRoute,
      operation: embedContent,
      translate: translateEmbeddings(([embedding]) => ({ embedding })),
    },
  }));

  translatedRoute(app, under(version, batchEmbedContents), ({ params, body }) => ({
    body: toEmbeddingRequest(params.model, body.requests),
    route: {
      ...createEmbeddingsRoute,
      operation: batchEmbedContents,
      translate: translateEmbeddings((embeddings) => ({ embeddings })),
    },
  }));
}
