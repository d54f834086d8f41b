import OpenAI, { APIConnectionError, APIError } from 'openai';
import type { Fetch } from '#libs/http/undici-fetch.ts';
import type { ChatCompletionChunk } from '../chat-format.ts';
import {
  CALL_ID_HEADER,
  type CallContext,
  type ChatDelta,
  type ChatResult,
  type NormalisedChat,
  type ProviderAdapter,
} from '../port.ts';
import { endedEarly, type ProviderError } from '../provider-error.ts';
import { errorFromSdk, SDK_TIMEOUT_MARGIN_MS, throwFailedAnswers } from '../sdk-errors.ts';
import { errorFromEvent } from '../status-errors.ts';
import { startTimeLimit, type TimeLimit } from '../time-limit.ts';
import { checkCompletion } from './completion.ts';
import { upstreamBody } from './request-body.ts';
import { openAiUnits } from './usage.ts';
import { REQUEST_ID_HEADER, type Vendor } from './vendors.ts';

/** OpenAI and every provider with a compatible base URL, through the official SDK. */
export class OpenAiAdapter implements ProviderAdapter {
  readonly #client: OpenAI;
  readonly #vendor: Vendor;

  /** @param options.baseUrl up to and with `/v1`. */
  constructor(options: { baseUrl: string; apiKey: string; fetch: Fetch; vendor: Vendor }) {
    this.#vendor = options.vendor;
    this.#client = new OpenAI({
      baseURL: options.baseUrl,
      apiKey: options.apiKey,
      fetch: throwFailedAnswers(options.fetch, REQUEST_ID_HEADER),
      maxRetries: 0,
      logLevel: 'off',
      // given, so that the SDK does not look for them in the environment
      organization: null,
      project: null,
      adminAPIKey: null,
      webhookSecret: null,
    });
  }

  async chat(chat: NormalisedChat, context: CallContext): Promise<ChatResult> {
    const body = upstreamBody(chat, this.#vendor, false) as OpenAI.ChatCompletionCreateParamsNonStreaming;
    context.trace.requestBytes = Buffer.byteLength(JSON.stringify(body));
    const limit = startTimeLimit(context.signal, context.timeoutMs);
    try {
      const call = this.#client.chat.completions.create(body, requestOptions(context, limit));
      const { data, response } = await call.withResponse();
      context.trace.providerRequestId = response.headers.get(REQUEST_ID_HEADER);
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
    const limit = startTimeLimit(context.signal, context.timeoutMs);
    try {
      const call = this.#client.chat.completions.create(body, requestOptions(context, limit));
      const { data: stream, response } = await call.withResponse();
      context.trace.providerRequestId = response.headers.get(REQUEST_ID_HEADER);
      let isFinished = false;
      for await (const event of stream) {
        limit.pause();
        const chunk = event as ChatCompletionChunk;
        const units = openAiUnits(chunk.usage, this.#vendor);
        isFinished ||= chunk.choices?.some(({ finish_reason }) => finish_reason !== null) ?? false;
        if (chat.model !== chat.upstreamModel) chunk.model = chat.model;
        yield { chunk, ...(units && { usage: { units, final: true } }) };
        limit.renew(context.idleTimeoutMs);
      }
      // the SDK ends quietly when it was aborted, and when the provider hung up in the middle
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

function requestOptions({ timeoutMs, callId }: CallContext, { signal }: TimeLimit) {
  return { signal, timeout: timeoutMs + SDK_TIMEOUT_MARGIN_MS, headers: { [CALL_ID_HEADER]: callId } };
}

function toProviderError(thrown: unknown, limit: TimeLimit): ProviderError {
  const isEvent = thrown instanceof APIError && !(thrown instanceof APIConnectionError);
  if (isEvent && limit.reason() === undefined) {
    return errorFromEvent({ error: thrown.error ?? thrown.message }, thrown.requestID ?? null);
  }
  return errorFromSdk(thrown, limit);
}
