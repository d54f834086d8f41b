import type { AnswerToolCall, ChatCompletion, FinishReason, MessageDelta } from '../domain/chat-format.ts';
import type { StreamReader } from '../domain/provider-adapter.ts';
import { endedEarly, ProviderError } from '../domain/provider-error.ts';
import { type StreamPiece, usageOnly } from '../domain/stream-piece.ts';
import { fieldsOf, type JsonObject, objectsIn, textOrUndefined } from '../json.ts';
import { type AnswerHead, choiceOf, completionOf, deltaPiece, lastPiece } from '../translated-answer.ts';
import { createUsageReport } from '../usage-report.ts';
import { geminiOutput, geminiTier, geminiUnits } from './usage.ts';
import type { GeminiResponse } from './wire.ts';

/** https://ai.google.dev/api/generate-content#FinishReason. Any other reason is a normal end. */
const FINISH_REASONS: Readonly<Record<string, FinishReason>> = {
  MAX_TOKENS: 'length',
  SAFETY: 'content_filter',
  RECITATION: 'content_filter',
  BLOCKLIST: 'content_filter',
  PROHIBITED_CONTENT: 'content_filter',
  SPII: 'content_filter',
  IMAGE_SAFETY: 'content_filter',
};

function finishOf(reason: string, hasToolCalls: boolean): FinishReason {
  return FINISH_REASONS[reason] ?? (hasToolCalls ? 'tool_calls' : 'stop');
}

type ReadParts = { text: string; reasoning: string; calls: Omit<AnswerToolCall, 'id'>[] };

function readParts(candidate: JsonObject): ReadParts {
  const read: ReadParts = { text: '', reasoning: '', calls: [] };
  for (const part of objectsIn(fieldsOf(candidate.content).parts)) {
    const text = textOrUndefined(part.text) ?? '';
    if (part.functionCall) {
      const { name, args } = fieldsOf(part.functionCall);
      const called = { name: textOrUndefined(name) ?? '', arguments: JSON.stringify(args ?? {}) };
      const signature = textOrUndefined(part.thoughtSignature);
      const signed = signature && { extra_content: { google: { thought_signature: signature } } };
      read.calls.push({ type: 'function', function: called, ...signed });
    } else if (part.thought) read.reasoning += text;
    else read.text += text;
  }
  return read;
}

const indexOf = ({ index }: JsonObject, position: number): number =>
  typeof index === 'number' ? index : position;

/** A blocked prompt has no candidates, but is a complete answer. */
function candidatesOf({ candidates, promptFeedback }: GeminiResponse): JsonObject[] {
  const found = objectsIn(candidates);
  if (found.length > 0) return found;
  return fieldsOf(promptFeedback).blockReason ? [{ index: 0, finishReason: 'SAFETY' }] : [];
}

/** @param newId names its tool calls. @throws ProviderError `malformed` if it has no candidates. */
export function fromGeminiResponse(
  response: GeminiResponse,
  head: AnswerHead,
  newId: () => string,
): ChatCompletion {
  const candidates = candidatesOf(response);
  if (candidates.length === 0) {
    throw new ProviderError('malformed', "The provider's answer has no candidates.");
  }
  const choices = candidates.map((candidate, position) => {
    const { calls, ...parts } = readParts(candidate);
    const toolCalls = calls.map((call) => ({ id: `call_${newId()}`, ...call }));
    const reason = textOrUndefined(candidate.finishReason) ?? 'STOP';
    return choiceOf(
      indexOf(candidate, position),
      { ...parts, toolCalls },
      finishOf(reason, toolCalls.length > 0),
    );
  });
  const id = textOrUndefined(response.responseId) ?? head.id;
  return completionOf({ ...head, id }, choices, geminiUnits(response.usageMetadata));
}

/**
 * Reads one stream. Gemini reports growing usage with every piece. It is final when the stream has ended, and only then
 * sent to the client.
 */
export function createStreamReader(initialHead: AnswerHead, newId: () => string): StreamReader {
  let head: AnswerHead | undefined;
  const usage = createUsageReport(geminiUnits, geminiOutput);
  const toolCallCounts = new Map<number, number>();
  /** Whether each candidate that began is finished. */
  const finished = new Map<number, boolean>();

  const isFinished = () => finished.size > 0 && finished.values().every(Boolean);

  function piecesOf(head: AnswerHead, candidate: JsonObject, position: number): StreamPiece[] {
    const index = indexOf(candidate, position);
    const { text, reasoning, calls } = readParts(candidate);
    const known = toolCallCounts.get(index);
    const count = known ?? 0;
    toolCallCounts.set(index, count + calls.length);
    const delta: MessageDelta = {
      ...(known === undefined && { role: 'assistant', content: '' }),
      ...(text !== '' && { content: text }),
      ...(reasoning !== '' && { reasoning_content: reasoning }),
      ...(calls.length > 0 && {
        tool_calls: calls.map((call, at) => ({ index: count + at, id: `call_${newId()}`, ...call })),
      }),
    };
    const pieces: StreamPiece[] = [];
    if (Object.keys(delta).length > 0) pieces.push(deltaPiece(head, delta, { index }));
    const reason = textOrUndefined(candidate.finishReason);
    if (reason === undefined) {
      if (!finished.has(index)) finished.set(index, false);
    } else if (!finished.get(index)) {
      finished.set(index, true);
      pieces.push(deltaPiece(head, {}, { index, finish: finishOf(reason, count + calls.length > 0) }));
    }
    return pieces;
  }

  return {
    read(event) {
      const response = event as GeminiResponse;
      head ??= { ...initialHead, id: textOrUndefined(response.responseId) ?? initialHead.id };
      const pieces: StreamPiece[] = [];
      for (const [position, candidate] of candidatesOf(response).entries()) {
        pieces.push(...piecesOf(head, candidate, position));
      }
      if (pieces.some(({ text, reasoning }) => text !== '' || reasoning !== '')) usage.wrote();
      const reported = usage.report(response.usageMetadata);
      pieces.push(...usageOnly(reported));
      return { pieces, serviceTier: geminiTier(response) };
    },
    end: () => undefined,
    isFinished,
    finish() {
      if (!isFinished()) throw endedEarly();
      return lastPiece(head ?? initialHead, usage.atEnd());
    },
  };
}
