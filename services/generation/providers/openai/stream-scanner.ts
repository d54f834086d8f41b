import type { ChatCompletionChunk } from '../domain/chat-format.ts';
import { endedEarly, notJson, ProviderError } from '../domain/provider-error.ts';
import { readTier } from '../domain/service-tier.ts';
import { type StreamPiece, writtenReasoning, writtenText } from '../domain/stream-piece.ts';
import { errorFromEvent } from '../status-errors.ts';
import { largerUsage } from '../token-count.ts';
import { isLastOfChoice, openAiUnits } from './usage.ts';
import type { Vendor } from './vendors.ts';

export type ScannedPiece = StreamPiece & {
  /** The service tier that the provider reports. */
  readonly serviceTier?: string;
  /** The provider failed after this piece. */
  readonly error?: ProviderError;
};

export type StreamScanner = {
  /** Accepts the next bytes, split anywhere. Null until an event is complete. */
  readonly push: (chunk: Buffer) => ScannedPiece | null;
  /** Ends the stream. @throws ProviderError if the answer is incomplete. */
  readonly finish: () => ScannedPiece | null;
};

const MAX_EVENT_BYTES = 8_388_608;
const DONE = '[DONE]';

type WireChunk = Partial<ChatCompletionChunk> & { error?: unknown; service_tier?: unknown };

/**
 * Meters a stream in OpenAI's format while it is forwarded. Bytes are forwarded unchanged, except for `[DONE]` (sent after
 * the call is settled), events with only usage, and the model's name if the client uses another.
 *
 * @param options.model replaces the provider's name for the model; null keeps it.
 */
export function createStreamScanner(options: { vendor: Vendor; model: string | null }): StreamScanner {
  const { vendor, model } = options;
  let carried: Buffer | null = null;
  let hasBegun = false;
  let isFinished = false;
  let usage: unknown;

  function scan(block: Buffer): ScannedPiece {
    const source = block.toString('utf8');
    const text = source.includes('\r') ? source.replaceAll('\r\n', '\n') : source;
    let isChanged = text !== source;
    let kept = '';
    let written = '';
    let reasoning = '';
    let extras: Pick<ScannedPiece, 'usage' | 'usageEvent' | 'serviceTier' | 'error'> = {};
    for (let start = 0; start < text.length; ) {
      const end = text.indexOf('\n\n', start) + 2;
      const event = text.slice(start, end === 1 ? text.length : end);
      start += event.length;
      const data = dataOf(event);
      if (data === DONE) {
        isFinished = true;
        isChanged = true;
        continue;
      }
      if (data === null) {
        // forwarding a comment would begin the response, and a later failure could no longer set the status
        if (hasBegun) kept += event;
        else isChanged = true;
        continue;
      }
      hasBegun = true;
      const chunk = parseChunk(data);
      if (chunk === null || chunk.error) {
        const error = chunk === null ? notJson() : errorFromEvent(chunk, null);
        extras = { ...extras, error };
        isChanged = true;
        break;
      }
      const choices = chunk.choices ?? [];
      written += writtenText({ choices });
      reasoning += writtenReasoning({ choices });
      isFinished ||= choices.some(isLastOfChoice);
      if (chunk.usage) {
        usage = largerUsage(usage, chunk.usage);
        const units = openAiUnits(usage, vendor);
        // usage before the end may lack the rest of the output
        const final = isFinished || choices.length === 0;
        if (units !== undefined) extras = { ...extras, usage: { units, final } };
      }
      const serviceTier = readTier(chunk.service_tier);
      if (serviceTier !== null) extras = { ...extras, serviceTier };
      const forClient = model === null ? event : rename(event, chunk.model, model);
      if (chunk.usage && choices.length === 0) {
        extras = { ...extras, usageEvent: forClient };
        isChanged = true;
        continue;
      }
      isChanged ||= forClient !== event;
      kept += forClient;
    }
    const bytes = isChanged ? kept || null : block;
    return { bytes, text: written, reasoning, ...extras };
  }

  return {
    push(chunk) {
      const data: Buffer = carried === null ? chunk : Buffer.concat([carried, chunk]);
      const end = endOfLastEvent(data);
      carried = end === data.length ? null : data.subarray(end);
      if (carried !== null && carried.length > MAX_EVENT_BYTES) {
        throw new ProviderError('malformed', "An event of the provider's stream is too large.");
      }
      return end === 0 ? null : scan(data.subarray(0, end));
    },
    finish() {
      const last = carried === null ? null : scan(Buffer.concat([carried, Buffer.from('\n\n')]));
      carried = null;
      if (last?.error === undefined && !isFinished) {
        throw endedEarly();
      }
      return last;
    },
  };
}

/** Where the last complete event ends; 0 if there is none. */
function endOfLastEvent(data: Buffer): number {
  const plain = data.lastIndexOf('\n\n');
  if (plain !== -1 && plain + 2 === data.length) return data.length;
  const windows = data.lastIndexOf('\r\n\r\n');
  return Math.max(plain === -1 ? 0 : plain + 2, windows === -1 ? 0 : windows + 4);
}

/** The data of an event, which is almost always one line; null for comments. */
function dataOf(event: string): string | null {
  if (event.startsWith('data: ') && event.indexOf('\n') === event.length - 2) return event.slice(6, -2);
  const lines = event.split('\n').filter((line) => line.startsWith('data:'));
  if (lines.length === 0) return null;
  return lines.map((line) => line.slice(line.startsWith('data: ') ? 6 : 5)).join('\n');
}

function parseChunk(data: string): WireChunk | null {
  try {
    const chunk = JSON.parse(data) as unknown;
    return typeof chunk === 'object' && chunk !== null ? (chunk as WireChunk) : null;
  } catch {
    return null;
  }
}

/** Replaces only the model's name. It cannot match inside a JSON string, where quotes are escaped. */
export function rename(json: string, from: unknown, to: string): string {
  if (typeof from !== 'string' || from === to) return json;
  const value = JSON.stringify(from);
  for (const key of ['"model":', '"model": ']) {
    const at = json.indexOf(key + value);
    if (at !== -1) {
      const start = at + key.length;
      return json.slice(0, start) + JSON.stringify(to) + json.slice(start + value.length);
    }
  }
  return json;
}
