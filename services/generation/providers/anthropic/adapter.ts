import Anthropic, { APIConnectionError, APIError } from '@anthropic-ai/sdk';
import type { Fetch } from '#libs/http/undici-fetch.ts';
import type { Clock } from '#libs/service/runtime.ts';
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
import { errorFromSdk, throwFailedAnswers } from '../sdk-errors.ts';
import { sdkRequestOptions } from '../sdk-options.ts';
import { errorFromEvent } from '../status-errors.ts';
import type { TimeLimit } from '../time-limit.ts';
import { toAnthropicRequest } from './request.ts';
import { type AnswerHead, createStreamTranslator, fromAnthropicMessage } from './response.ts';
import { anthropicUnits } from './usage.ts';

const REQUEST_ID_HEADER = 'request-id';

/** Anthropic's messages through the official SDK. */
export class AnthropicAdapter implements ProviderAdapter {
  readonly #client: Anthropic;
  readonly #clock: Clock;

  /** @param options.baseUrl without `/v1`, which the SDK adds. */
  constructor(options: { baseUrl: string; apiKey: string; fetch: Fetch; clock: Clock }) {
    this.#clock = options.clock;
    this.#client = new Anthropic({
      baseURL: options.baseUrl,
      apiKey: options.apiKey,
      fetch: throwFailedAnswers(options.fetch, REQUEST_ID_HEADER),
      maxRetries: 0,
      logLevel: 'off',
      // null keeps the SDK from reading them from the environment
      authToken: null,
      webhookKey: null,
    });
  }

  async chat(chat: NormalisedChat, context: CallContext): Promise<ChatResult> {
    const body = toAnthropicRequest(chat);
    context.trace.requestBytes = Buffer.byteLength(JSON.stringify(body));
    const limit = startSdkCall(context);
    try {
      const call = this.#post<Anthropic.Message>(body, context, limit);
      const { data: message, response } = await call.withResponse();
      context.trace.providerRequestId = response.headers.get(REQUEST_ID_HEADER);
      context.trace.serviceTier = readTier(message.usage?.service_tier);
      return {
        completion: fromAnthropicMessage(message, this.#head(chat)),
        units: anthropicUnits(message.usage),
      };
    } catch (error) {
      throw toProviderError(error, limit);
    } finally {
      limit.release();
    }
  }

  async *chatStream(chat: NormalisedChat, context: CallContext): AsyncGenerator<ChatDelta, void, undefined> {
    const body = { ...toAnthropicRequest(chat), stream: true as const };
    context.trace.requestBytes = Buffer.byteLength(JSON.stringify(body));
    const limit = startSdkCall(context);
    try {
      const call = this.#post<AsyncIterable<Anthropic.RawMessageStreamEvent>>(body, context, limit);
      const { data: stream, response } = await call.withResponse();
      context.trace.providerRequestId = response.headers.get(REQUEST_ID_HEADER);
      const translator = createStreamTranslator(this.#head(chat));
      for await (const event of stream) {
        limit.pause();
        if (event.type === 'message_start') {
          context.trace.serviceTier = readTier(event.message.usage?.service_tier);
        }
        yield* translator.translate(event);
        limit.renew(context.idleTimeoutMs);
      }
      // the SDK ends without an error when it was aborted, or when the provider closed the connection
      const reason = limit.reason();
      if (reason !== undefined) throw reason;
      if (!translator.isFinished()) {
        throw endedEarly();
      }
    } catch (error) {
      throw toProviderError(error, limit);
    } finally {
      limit.release();
    }
  }

  /** Like `messages.create`, without the warning it prints for some models. */
  #post<Answer>(body: Anthropic.MessageCreateParams, context: CallContext, limit: TimeLimit) {
    return this.#client.post<Answer>('/v1/messages', {
      ...sdkRequestOptions(context, limit),
      body,
      stream: body.stream ?? false,
    });
  }

  #head({ model }: NormalisedChat): AnswerHead {
    return { model, createdAtSeconds: Math.floor(this.#clock.now().getTime() / 1000) };
  }
}

function toProviderError(thrown: unknown, limit: SdkCall): ProviderError {
  const isEvent = thrown instanceof APIError && !(thrown instanceof APIConnectionError);
  if (isEvent && limit.reason() === undefined) return errorFromEvent(thrown.error, thrown.requestID ?? null);
  return errorFromSdk(thrown, limit);
}
