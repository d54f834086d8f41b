/** Transcripts in each format. Only JSON says how many seconds are billed, so that the other formats are written here. */
import type { TranscriptionOrder } from '#libs/contracts/audio.ts';
import type { Transcript } from '../domain/audio-adapter.ts';
import { ProviderError } from '../domain/provider-error.ts';
import { fieldsOf, type JsonObject, objectsIn, parseJson } from '../json.ts';
import { readCount } from '../token-count.ts';

type Format = TranscriptionOrder['response_format'];
type Cue = { start: number; end: number; text: string };

/** The format to request for one. */
export function jsonFormatOf(format: Format): 'json' | 'verbose_json' {
  return format === 'json' || format === 'text' ? 'json' : 'verbose_json';
}

/** @throws ProviderError `malformed` for an answer without a text. */
export function readTranscript(answer: Buffer, format: Format): Transcript {
  const { text, usage, duration, segments } = fieldsOf(parseJson(answer.toString('utf8')));
  if (typeof text !== 'string') throw new ProviderError('malformed', "The provider's answer has no text.");
  const seconds = readCount(fieldsOf(usage).seconds ?? duration);
  const cues = objectsIn(segments).map(cueOf);
  const bytes = written(format, text, cues) ?? answer;
  // No recording lasts zero seconds.
  return { bytes, seconds: seconds || null };
}

function cueOf({ start, end, text }: JsonObject): Cue {
  return { start: Number(start) || 0, end: Number(end) || 0, text: String(text ?? '').trim() };
}

/** Undefined for a format that the provider writes. */
function written(format: Format, text: string, cues: readonly Cue[]): Buffer | undefined {
  switch (format) {
    case 'text':
      return Buffer.from(`${text}\n`);
    case 'srt':
      return Buffer.from(cues.map((cue, index) => `${index + 1}\n${linesOf(cue, ',')}\n`).join('\n'));
    case 'vtt':
      return Buffer.from(`WEBVTT\n\n${cues.map((cue) => `${linesOf(cue, '.')}\n`).join('\n')}`);
    default:
      return undefined;
  }
}

function linesOf({ start, end, text }: Cue, decimalMark: ',' | '.'): string {
  return `${timestamp(start, decimalMark)} --> ${timestamp(end, decimalMark)}\n${text}`;
}

/** `00:01:02,500` */
function timestamp(seconds: number, decimalMark: ',' | '.'): string {
  const ms = Math.round(seconds * 1_000);
  const parts = [ms / 3_600_000, (ms / 60_000) % 60, (ms / 1_000) % 60].map((part) =>
    String(Math.floor(part)).padStart(2, '0'),
  );
  return `${parts.join(':')}${decimalMark}${String(ms % 1_000).padStart(3, '0')}`;
}
