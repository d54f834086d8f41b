import { type EmbeddingRequest, embeddingRequest } from '#libs/contracts/embeddings.ts';
import type { PlannedCall } from '#libs/contracts/generation-requests.ts';
import { type EmbeddingInput, inputsOf } from '#libs/pipelines/embedding.ts';
import { countTokens } from '../calls/domain/count-tokens.ts';
import type { CallRunner } from '../calls/domain/run-call.ts';
import type { Embedded, Vector } from '../providers/domain/embedding-adapter.ts';
import type { Providers } from '../providers/domain/providers.ts';
import { answerWithDocument, onlyCall } from '../requests/domain/answer-with-document.ts';
import { type GenerationHandler, parseBody } from '../requests/domain/handler.ts';

export type EmbeddingsOptions = { runner: CallRunner; providers: Pick<Providers, 'forEmbeddings'> };

/** One provider call with request and response in OpenAI's format. */
export function createEmbeddingsHandler({ runner, providers }: EmbeddingsOptions): GenerationHandler {
  return async (request, { body: sent }, response) => {
    const body = parseBody(embeddingRequest, sent);
    const call = onlyCall(request);
    const adapter = providers.forEmbeddings(call.provider);
    const inputs = inputsOf(body);
    const { dimensions, user, task_type } = body;
    const order = { inputs, upstreamModel: call.upstreamModel, dimensions, user, task_type };
    const countPrompt = () => countInputs(inputs, call);
    await answerWithDocument(runner, request, response, countPrompt, async (context, record) => {
      const embedded = await adapter.embed(order, context);
      const tokens = embedded.promptTokens || (await countPrompt());
      record.takeDocument(embedded.bytes, embedded.promptTokens ? { input: tokens } : undefined);
      return Buffer.from(JSON.stringify(present(embedded, tokens, body, call)));
    });
  };
}

function present(
  { vectors }: Embedded,
  tokens: number,
  { encoding_format: format }: EmbeddingRequest,
  { model }: PlannedCall,
): object {
  const encode = format === 'base64' ? toBase64 : toNumbers;
  return {
    object: 'list',
    data: vectors.map((vector, index) => ({ object: 'embedding', index, embedding: encode(vector) })),
    model,
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  };
}

function toNumbers(vector: Vector): readonly number[] {
  return vector instanceof Float32Array ? Array.from(vector) : vector;
}

const FLOAT_BYTES = 4;

/** 32-bit little-endian numbers, as OpenAI's SDKs decode them. */
function toBase64(vector: Vector): string {
  const bytes = Buffer.allocUnsafe(vector.length * FLOAT_BYTES);
  for (let at = 0; at < vector.length; at += 1) bytes.writeFloatLE(vector[at] ?? 0, at * FLOAT_BYTES);
  return bytes.toString('base64');
}

/** What the call used if the provider does not say: at most what was held. */
async function countInputs(
  inputs: readonly EmbeddingInput[],
  { provider, upstreamModel, inputTokens }: PlannedCall,
): Promise<number> {
  const texts = inputs.filter((input) => typeof input === 'string');
  const ids = inputs.reduce((sum, input) => sum + (typeof input === 'string' ? 0 : input.length), 0);
  const { tokens } = await countTokens(texts.join('\n'), provider, upstreamModel, inputTokens);
  return Math.min(inputTokens, tokens + ids);
}
