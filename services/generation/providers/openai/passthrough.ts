import type { Dispatcher } from 'undici';
import type { ChatSource } from '../domain/chat-source.ts';
import {
  CALL_ID_HEADER,
  type CallContext,
  type CallTrace,
  type NormalisedChat,
} from '../domain/provider-adapter.ts';
import { notJson, ProviderError } from '../domain/provider-error.ts';
import { readTier } from '../domain/service-tier.ts';
import { parseJson } from '../sdk-errors.ts';
import { startTimeLimit } from '../time-limit.ts';
import { checkCompletion } from './completion.ts';
import { exchange } from './exchange.ts';
import { upstreamBody } from './request-body.ts';
import { createStreamScanner, rename } from './stream-scanner.ts';
import { openAiUnits } from './usage.ts';
import type { Vendor } from './vendors.ts';

const MAX_ANSWER_BYTES = 33_554_432;

/**
 * Passes a chat through to a provider that uses the client's format. Usage, errors and endings are handled by the same code
 * as on the SDK path. The bytes of the answer are the provider's, except for the model's name if the client uses another.
 *
 * @param options.baseUrl including `/v1`.
 */
export function createPassthrough(options: {
  dispatcher: Dispatcher;
  baseUrl: string;
  apiKey: string;
  vendor: Vendor;
}): ChatSource {
  const { dispatcher, vendor } = options;
  const url = new URL(`${options.baseUrl}/chat/completions`);
  const authorization = `Bearer ${options.apiKey}`;

  const request = (body: string, accept: string, { callId, trace }: CallContext) => {
    trace.requestBytes = Buffer.byteLength(body);
    return {
      origin: url.origin,
      path: url.pathname,
      headers: [
        'authorization',
        authorization,
        'content-type',
        'application/json',
        'accept',
        accept,
        CALL_ID_HEADER,
        callId,
      ],
      body,
    };
  };

  return {
    async chat(chat, context) {
      const body = JSON.stringify(upstreamBody(chat, vendor, false));
      const limit = startTimeLimit(context.signal, context.timeoutMs);
      const chunks: Buffer[] = [];
      let size = 0;
      const onData = (chunk: Buffer) => {
        size += chunk.length;
        if (size > MAX_ANSWER_BYTES)
          throw new ProviderError('malformed', "The provider's answer is too large.");
        chunks.push(chunk);
        return undefined;
      };
      try {
        const sent = request(body, 'application/json', context);
        await exchange(dispatcher, sent, limit, { onData, trace: context.trace });
        const bytes = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size);
        return readAnswer(bytes, chat, vendor, context.trace);
      } finally {
        limit.release();
      }
    },

    async chatStream(chat, context, onPiece) {
      const body = JSON.stringify(upstreamBody(chat, vendor, true));
      const limit = startTimeLimit(context.signal, context.timeoutMs);
      const scanner = createStreamScanner({ vendor, model: nameForClient(chat) });
      const onData = (chunk: Buffer) => {
        limit.renew(context.idleTimeoutMs);
        const piece = scanner.push(chunk);
        if (piece === null) return undefined;
        if (piece.serviceTier !== undefined) context.trace.serviceTier = piece.serviceTier;
        const wait = onPiece(piece);
        if (piece.error) throw piece.error;
        return wait?.then(() => limit.renew(context.idleTimeoutMs));
      };
      try {
        const sent = request(body, 'text/event-stream', context);
        await exchange(dispatcher, sent, limit, { onData, trace: context.trace });
        const last = scanner.finish();
        if (last !== null) await onPiece(last);
        if (last?.error) throw last.error;
      } finally {
        limit.release();
      }
    },
  };
}

function nameForClient({ model, upstreamModel }: NormalisedChat): string | null {
  return model === upstreamModel ? null : model;
}

function readAnswer(bytes: Buffer, chat: NormalisedChat, vendor: Vendor, trace: CallTrace) {
  const text = bytes.toString('utf8');
  const parsed = parseJson(text);
  if (parsed === undefined) throw notJson();
  const completion = checkCompletion(parsed);
  trace.serviceTier = readTier((parsed as { service_tier?: unknown }).service_tier);
  const units = openAiUnits(completion.usage, vendor);
  const name = nameForClient(chat);
  const renamed = name === null ? text : rename(text, completion.model, name);
  if (name !== null) completion.model = name;
  return { bytes: renamed === text ? bytes : Buffer.from(renamed, 'utf8'), completion, units };
}
