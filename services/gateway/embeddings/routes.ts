import { createEmbeddings, type EmbeddingRequest } from '#libs/contracts/embeddings.ts';
import type { MeteredRoute } from '../metering/domain/route.ts';
import { embeddingPrompt, planEmbeddings } from './plan.ts';

/** `POST /v1/embeddings`: one provider call, in OpenAI's format for every provider. */
export const createEmbeddingsRoute = {
  operation: createEmbeddings,
  rateLimitClass: () => ({ generation: false, stream: false }),
  plan: planEmbeddings,
  prompt: embeddingPrompt,
} satisfies MeteredRoute<EmbeddingRequest>;
