import {
  type GenerateContentRequest,
  type GenerativeModel,
  GoogleGenerativeAI,
  GoogleGenerativeAIError,
  GoogleGenerativeAIFetchError,
} from '@google/generative-ai';
import type { Runtime } from '#libs/service/runtime.ts';
import {
  CALL_ID_HEADER,
  type CallContext,
  type ChatDelta,
  type ChatResult,
  type NormalisedChat,
  type ProviderAdapter,
} from '../domain/provider-adapter.ts';
import { notJson, ProviderError } from '../domain/provider-error.ts';
import { type SdkCall, startSdkCall } from '../sdk-call.ts';
import { errorFromSdk } from '../sdk-errors.ts';
import { errorFromStatus } from '../status-errors.ts';
import { toGeminiRequest } from './request.ts';
import { type AnswerHead, createStreamTranslator, fromGeminiResponse } from './response.ts';
import { geminiUnits } from './usage.ts';
import type { GeminiRequest, GeminiResponse } from './wire.ts';

/**
 * Gemini through the official SDK. The SDK uses the platform's `fetch` and hides response headers and the causes of
 * network failures. So calls have no provider id.
 */
export class GeminiAdapter implements ProviderAdapter {
  readonly #client: GoogleGenerativeAI;
  readonly #baseUrl: string;
  readonly #runtime: Pick<Runtime, 'clock' | 'newId'>;

  /** @param options.baseUrl without the API version, which the SDK adds. */
  constructor(options: { baseUrl: string; apiKey: string; runtime: Pick<Runtime, 'clock' | 'newId'> }) {
    this.#client = new GoogleGenerativeAI(options.apiKey);
    this.#baseUrl = options.baseUrl;
    this.#runtime = options.runtime;
  }

  async chat(chat: NormalisedChat, context: CallContext): Promise<ChatResult> {
    const body = toGeminiRequest(chat);
    context.trace.requestBytes = Buffer.byteLength(JSON.stringify(body));
    const limit = startSdkCall(context);
    try {
      const { response } = await this.#model(chat, context).generateContent(asSdkRequest(body), {
        signal: limit.signal,
      });
      const answer = response as GeminiResponse;
      return {
        completion: fromGeminiResponse(answer, this.#head(chat)),
        units: geminiUnits(answer.usageMetadata),
      };
    } catch (error) {
      throw toProviderError(error, limit);
    } finally {
      limit.release();
    }
  }

  async *chatStream(chat: NormalisedChat, context: CallContext): AsyncGenerator<ChatDelta, void, undefined> {
    const body = toGeminiRequest(chat);
    const stopped = new AbortController();
    context.trace.requestBytes = Buffer.byteLength(JSON.stringify(body));
    const limit = startSdkCall(context, AbortSignal.any([context.signal, stopped.signal]));
    try {
      const model = this.#model(chat, context);
      const { stream, response } = await model.generateContentStream(asSdkRequest(body), {
        signal: limit.signal,
      });
      // the SDK also aggregates the stream; the stream itself reports failures
      response.catch(() => undefined);
      const translator = createStreamTranslator(this.#head(chat));
      for await (const piece of stream) {
        limit.pause();
        yield* translator.translate(piece as GeminiResponse);
        limit.renew(context.idleTimeoutMs);
      }
      const reason = limit.reason();
      if (reason !== undefined) throw reason;
      yield* translator.finish();
    } catch (error) {
      throw toProviderError(error, limit);
    } finally {
      // the SDK's stream continues if its consumer stops early
      stopped.abort();
      limit.release();
    }
  }

  #model({ upstreamModel }: NormalisedChat, { callId }: CallContext): GenerativeModel {
    const options = { baseUrl: this.#baseUrl, customHeaders: { [CALL_ID_HEADER]: callId } };
    return this.#client.getGenerativeModel({ model: upstreamModel }, options);
  }

  #head({ model }: NormalisedChat): AnswerHead {
    const { clock, newId } = this.#runtime;
    return { model, createdAtSeconds: Math.floor(clock.now().getTime() / 1000), newId };
  }
}

/** The SDK sends any field; only its types are older than the API. */
function asSdkRequest(body: GeminiRequest): GenerateContentRequest {
  return body as unknown as GenerateContentRequest;
}

function toProviderError(thrown: unknown, limit: SdkCall): ProviderError {
  if (thrown instanceof ProviderError) return thrown;
  const reason = limit.reason();
  if (reason !== undefined) return reason;
  if (thrown instanceof GoogleGenerativeAIFetchError && thrown.status !== undefined) {
    return errorFromStatus({
      status: thrown.status,
      body: { error: { message: providerMessage(thrown.message) } },
      header: (name) => (name === 'retry-after-ms' ? retryDelayMs(thrown.errorDetails) : null),
      providerRequestId: null,
      cause: thrown,
    });
  }
  const isUnreadable = /parse stream|parsing JSON/.test(
    thrown instanceof GoogleGenerativeAIError ? thrown.message : '',
  );
  return isUnreadable ? notJson(thrown) : errorFromSdk(thrown, limit);
}

/** The provider's message, without the URL and the details that the SDK adds. */
function providerMessage(message: string): string {
  return message.replace(/^.*?: \[\d+[^\]]*\] /s, '').replace(/ \[\{"@type".*$/s, '');
}

/** https://cloud.google.com/apis/design/errors#retry_info: a number of seconds, such as `1.5s`. */
function retryDelayMs(details: GoogleGenerativeAIFetchError['errorDetails']): string | null {
  for (const { retryDelay } of (details ?? []) as { retryDelay?: unknown }[]) {
    const [, seconds] = typeof retryDelay === 'string' ? (/^([\d.]+)s$/.exec(retryDelay) ?? []) : [];
    if (seconds !== undefined) return String(Math.ceil(Number(seconds) * 1000));
  }
  return null;
}
