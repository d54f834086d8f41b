/** Audio as OpenAI answers: the seconds of a WAV from its header, of other files by their size; speech as a silent MP3 or WAV. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { speech } from './content.ts';
import { type Answer, type Call, type Dialect, Refusal } from './dialect.ts';
import { type Form, readForm } from './form.ts';
import { imageCall } from './images.ts';
import { isObject } from './json.ts';
import { openAiDialect } from './openai.ts';
import { sendJson } from './send.ts';

const BYTES_PER_SECOND = 16_000;
const SPEECH_CHARACTERS_PER_SECOND = 15;

export const transcriptionsDialect: Dialect = {
  ...openAiDialect('openai'),
  idPrefix: 'tr_',
  parse: readForm,
  read: (form) => readTranscription(form as Form),
  writeAnswer: ({ call }: Answer) => call.prompt.parts[0] ?? '',
  writeFrames: () => [],
};

/** The answer travels in the prompt: it depends on the file, which a call does not have. */
function readTranscription({ fields, files: [upload] }: Form): Call {
  const { bytes: file, name: fileName } = upload ?? { bytes: Buffer.alloc(0), name: '' };
  const model = fields.get('model');
  if (!model) throw new Refusal(400, 'you must provide a model parameter', { param: 'model' });
  if (file.length === 0) throw new Refusal(400, 'file is a required property', { param: 'file' });
  const seconds = secondsOf(file);
  const text =
    SAID.exec(file.toString('utf8', Math.max(0, file.length - 1_000)))?.[1] ?? spokenIn(fileName, seconds);
  const call = imageCall({ model, user: fields.get('prompt') ?? fileName, images: 0, endUser: undefined });
  return {
    ...call,
    prompt: { ...call.prompt, parts: [formatted(fields.get('response_format'), text, seconds)] },
  };
}

/** A file may end with what is spoken in it. */
const SAID = /\[\[say: ([^\]]+)\]\]$/;

/** One sentence, and in recordings of more than 20 seconds two words a second. */
function spokenIn(fileName: string, seconds: number): string {
  const first = `This is what the recording ${fileName} says in its ${seconds} seconds.`;
  return seconds <= 20 ? first : `${first} ${speech('good habits', seconds * 2)}`;
}

function formatted(format: string | undefined, text: string, seconds: number): string {
  const end = new Date(seconds * 1000).toISOString().slice(11, 19);
  if (format === 'text') return `${text}\n`;
  if (format === 'srt') return `1\n00:00:00,000 --> ${end},000\n${text}\n`;
  if (format === 'vtt') return `WEBVTT\n\n00:00:00.000 --> ${end}.000\n${text}\n`;
  const usage = { type: 'duration', seconds };
  if (format !== 'verbose_json') return JSON.stringify({ text, usage });
  const segments = [{ id: 0, start: 0, end: seconds, text }];
  return JSON.stringify({
    task: 'transcribe',
    language: 'english',
    duration: seconds,
    text,
    segments,
    usage,
  });
}

function secondsOf(file: Buffer): number {
  const isWav = file.toString('latin1', 0, 4) === 'RIFF' && file.length > 44;
  const rate = isWav ? file.readUInt32LE(28) : BYTES_PER_SECOND;
  return Math.max(1, Math.round((file.length - (isWav ? 44 : 0)) / rate));
}

/** Answers `/audio/speech`. */
export function serveSpeech(
  request: IncomingMessage,
  response: ServerResponse,
  body: Buffer | undefined,
): void {
  const { input, format } = orderOf(body);
  if (!request.headers.authorization) refuseSpeech(response, 401, "You didn't provide an API key.");
  else if (input === '') refuseSpeech(response, 400, "Missing required parameter: 'input'.");
  else {
    const seconds = Math.ceil(input.length / SPEECH_CHARACTERS_PER_SECOND);
    const [type, recording] =
      format === 'mp3' ? ['audio/mpeg', silentMp3(seconds)] : ['audio/wav', silence(seconds)];
    response
      .writeHead(200, { 'content-type': type as string, 'content-length': recording.length })
      .end(recording);
  }
}

function orderOf(body: Buffer | undefined): { input: string; format: unknown } {
  try {
    const order: unknown = JSON.parse(body?.toString() ?? '');
    if (!isObject(order) || typeof order.input !== 'string') return { input: '', format: null };
    return { input: order.input, format: order.response_format ?? 'mp3' };
  } catch {
    return { input: '', format: null };
  }
}

function refuseSpeech(response: ServerResponse, status: number, message: string): void {
  const error = { message, type: 'invalid_request_error', param: null, code: null };
  sendJson(response, status, JSON.stringify({ error }));
}

/** Frames of MPEG-2 layer III: 64 kbit/s, 24 kHz, mono, 24 ms each. Without samples they are silent. */
const MP3_FRAME_BYTES = 192;
const MP3_FRAMES_PER_SECOND = 1_000 / 24;

/** A silent MP3 as encoders write it: with a tag, and a frame that states its length. @param stated what that says. */
export function silentMp3(seconds: number, stated = seconds): Buffer {
  const frames = Math.floor(seconds * MP3_FRAMES_PER_SECOND);
  const tag = Buffer.from('ID3\x04\x00\x00\x00\x00\x00\x0a0123456789', 'latin1');
  const audio = Buffer.alloc(MP3_FRAME_BYTES * (1 + frames));
  for (let at = 0; at < audio.length; at += MP3_FRAME_BYTES) audio.writeUInt32BE(0xfff384c4, at);
  audio.write('Info', 13, 'latin1');
  audio.writeUInt32BE(1, 17);
  audio.writeUInt32BE(Math.floor(stated * MP3_FRAMES_PER_SECOND), 21);
  return Buffer.concat([tag, audio]);
}

/** A silent WAV: 8 bits, 8,000 samples a second. */
export function silence(seconds: number): Buffer {
  const samples = seconds * 8_000;
  const wav = Buffer.alloc(44 + samples, 0x80);
  wav.write('RIFF', 0, 'latin1');
  wav.writeUInt32LE(36 + samples, 4);
  wav.write('WAVEfmt ', 8, 'latin1');
  wav.writeUInt32LE(16, 16);
  wav.writeUInt16LE(1, 20);
  wav.writeUInt16LE(1, 22);
  wav.writeUInt32LE(8_000, 24);
  wav.writeUInt32LE(8_000, 28);
  wav.writeUInt16LE(1, 32);
  wav.writeUInt16LE(8, 34);
  wav.write('data', 36, 'latin1');
  wav.writeUInt32LE(samples, 40);
  return wav;
}
