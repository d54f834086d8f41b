import type OpenAI from 'openai';
import { APIConnectionError, APIError } from 'openai';
import type { ChatCompletionChunk } from '../domain/chat-format.ts';
import type {
  CallContext,
  ChatDelta,
  ChatResult,
  NormalisedChat,
  ProviderAdapter,
} from '../domain/provider-adapter.ts';
import { endedEarly, type ProviderError } from '../domain/provider-error.ts';
import { readTier } from '../domain/service-tier.ts';
import { type SdkCall, startSdkCall } from '../sdk-call.ts';
import { errorFromSdk } from '../sdk-errors.ts';
import { sdkRequestOptions } from '../sdk-options.ts';
import { errorFromEvent } from '../status-errors.ts';
import { largerUsage } from '../token-count.ts';
import { createOpenAiClient, type OpenAiAccess } from './client.ts';
import { checkCompletion } from './completion.ts';
import { upstreamBody } from './request-body.ts';
import { isLastOfChoice, openAiUnits } from './usage.ts';
import { REQUEST_ID_HEADER, type Vendor } from './vendors.ts';

/** OpenAI and every provider with a compatible base URL, through the official SDK. */
export class OpenAiAdapter implements ProviderAdapter {
  readonly #client: OpenAI;
  readonly #vendor: Vendor;

  constructor({ vendor, ...access }: OpenAiAccess & { vendor: Vendor }) {
    this.#vendor = vendor;
    this.#client = createOpenAiClient(access);
  }

  async chat(chat: NormalisedChat, context: CallContext): Promise<ChatResult> {
    const body = upstreamBody(chat, this.#vendor, false) as OpenAI.ChatCompletionCreateParamsNonStreaming;
    context.trace.requestBytes = Buffer.byteLength(JSON.stringify(body));
    const limit = startSdkCall(context);
    try {
      const call = this.#client.chat.completions.create(body, sdkRequestOptions(context, limit));
      const { data, response } = await call.withResponse();
      context.trace.providerRequestId = response.headers.get(REQUEST_ID_HEADER);
      context.trace.serviceTier = readTier(data.service_tier);
      const completion = checkCompletion(data);
      if (chat.model !== chat.upstreamModel) completion.model = chat.model;
      return { completion, units: openAiUnits(completion.usage, this.#vendor) };
    } catch (error) {
      throw toProviderError(error, limit);
    } finally {
      limit.release();
    }
  }

  async *chatStream(chat: NormalisedChat, context: CallContext): AsyncGenerator<ChatDelta, void, undefined> {
    const body = upstreamBody(chat, this.#vendor, true) as OpenAI.ChatCompletionCreateParamsStreaming;
    context.trace.requestBytes = Buffer.byteLength(JSON.stringify(body));
    const limit = startSdkCall(context);
    try {
      const call = this.#client.chat.completions.create(body, sdkRequestOptions(context, limit));
      const { data: stream, response } = await call.withResponse();
      context.trace.providerRequestId = response.headers.get(REQUEST_ID_HEADER);
      let isFinished = false;
      let usage: unknown;
      for await (const event of stream) {
        limit.pause();
        const chunk = event as ChatCompletionChunk;
        context.trace.serviceTier = readTier(event.service_tier) ?? context.trace.serviceTier;
        usage = largerUsage(usage, chunk.usage);
        const units = openAiUnits(chunk.usage && usage, this.#vendor);
        isFinished ||= chunk.choices?.some(isLastOfChoice) ?? false;
        const final = isFinished || !chunk.choices?.length;
        if (chat.model !== chat.upstreamModel) chunk.model = chat.model;
        yield { chunk, ...(units && { usage: { units, final } }) };
        limit.renew(context.idleTimeoutMs);
      }
      // the SDK ends without an error when it was aborted, or when the provider closed the connection
      const reason = limit.reason();
      if (reason !== undefined) throw reason;
      if (!isFinished) {
        throw endedEarly();
      }
    } catch (error) {
      throw toProviderError(error, limit);
    } finally {
      limit.release();
    }
  }
}

function toProviderError(thrown: unknown, limit: SdkCall): ProviderError {
  const isEvent = thrown instanceof APIError && !(thrown instanceof APIConnectionError);
  if (isEvent && limit.reason() === undefined) {
    return errorFromEvent({ error: thrown.error ?? thrown.message }, thrown.requestID ?? null);
  }
  return errorFromSdk(thrown, limit);
}
