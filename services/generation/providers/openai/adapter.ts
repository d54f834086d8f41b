import type { ChatCompletionChunk } from '../domain/chat-format.ts';
import type { NormalisedChat, ProviderAdapter, StreamReader } from '../domain/provider-adapter.ts';
import { endedEarly } from '../domain/provider-error.ts';
import { readTier } from '../domain/service-tier.ts';
import { pieceOf, usageOnly } from '../domain/stream-piece.ts';
import { fieldsOf, type JsonObject } from '../json.ts';
import { createUsageReport } from '../usage-report.ts';
import { normaliseChunk, normaliseCompletion, usageIn } from './normalise.ts';
import { upstreamBody } from './request-body.ts';
import { openAiOutput, openAiUnits } from './usage.ts';
import type { Vendor } from './vendors.ts';

/**
 * OpenAI and every provider with its format. The client's parameters and the provider's JSON are passed on, except for what
 * the plan determines, the model's name if the client uses another, and what OpenAI's SDKs would not understand.
 */
export function createOpenAiAdapter(vendor: Vendor): ProviderAdapter {
  return {
    toRequest: (chat, stream) => ({ path: '/chat/completions', body: upstreamBody(chat, vendor, stream) }),
    readAnswer(document, chat) {
      const { completion, isChanged } = normaliseCompletion(document);
      const isRenamed = rename(completion, chat);
      return {
        completion,
        units: openAiUnits(usageIn(document), vendor),
        serviceTier: readTier((document as JsonObject).service_tier),
        isVerbatim: !isChanged && !isRenamed,
      };
    },
    createStreamReader: (chat) => createReader(chat, vendor),
  };
}

/** @returns whether the client knows the model by another name. */
function rename(answer: { model: string }, { model, upstreamModel }: NormalisedChat): boolean {
  if (model === upstreamModel) return false;
  answer.model = model;
  return true;
}

function createReader(chat: NormalisedChat, vendor: Vendor): StreamReader {
  const usage = createUsageReport(
    (reported) => openAiUnits(reported, vendor),
    (reported) => openAiOutput(reported, vendor),
  );
  /** Whether each choice that began is finished. */
  const finished = new Map<number, boolean>();
  let hasEnded = false;

  const isFinished = () => finished.size > 0 && (hasEnded || finished.values().every(Boolean));

  function follow({ choices }: ChatCompletionChunk): void {
    for (const { index, finish_reason: reason } of choices) {
      if (reason !== null) finished.set(index, true);
      else if (!finished.has(index)) finished.set(index, false);
    }
  }

  return {
    read(event, json) {
      const { chunk, isChanged } = normaliseChunk(event);
      follow(chunk);
      const isRenamed = rename(chunk, chat);
      const piece = pieceOf(chunk, undefined, isChanged || isRenamed ? undefined : json);
      if (piece.text !== '' || piece.reasoning !== '') usage.wrote();
      const reported = usage.report(usageIn(event));
      const serviceTier = readTier(fieldsOf(event).service_tier);
      // without choices and usage it says nothing to a client
      if (piece.bytes === null && piece.usageEvent === undefined) return { pieces: [], serviceTier };
      return { pieces: [{ ...piece, ...(reported && { usage: reported }) }], serviceTier };
    },
    end: () => {
      hasEnded = true;
    },
    isFinished,
    finish() {
      if (!isFinished()) throw endedEarly();
      return usageOnly(usage.atEnd());
    },
  };
}
