/** OpenAI's audio (https://platform.openai.com/docs/api-reference/audio): texts of recordings, and speech from texts. */
import { z } from 'zod';
import { METERING_PROBLEMS } from './chat-operations.ts';
import { idempotencyHeaders } from './idempotency-key.ts';
import { defineOperation } from './operation.ts';
import { REQUIRES_API_ACCESS } from './requirements.ts';
import { isStorable } from './storable-text.ts';
import { vendorProblems } from './vendor-problems.ts';

/** What OpenAI accepts. */
export const MAX_AUDIO_BYTES = 25 * 1024 * 1024;

/** A file of a form, by the name that its client gave it. A class, so that no JSON can pass for one. */
export class UploadedFile {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

const granularity = z.enum(['word', 'segment']);

const transcriptionFields = {
  model: z.string().min(1).max(200).describe('A model of kind `audio`, such as `whisper-1`.'),
  language: z
    .string()
    .regex(/^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})?$/, 'must be a language code')
    .optional()
    .describe('ISO 639-1; improves accuracy.'),
  prompt: z.string().max(2_000).refine(isStorable, 'must be text').optional(),
  response_format: z.enum(['json', 'text', 'srt', 'verbose_json', 'vtt']).default('json'),
  temperature: z.coerce.number().min(0).max(1).optional(),
  // A form with one value of a name has no list.
  'timestamp_granularities[]': z
    .preprocess(
      (value) => (typeof value === 'string' ? [value] : value),
      z.array(granularity).max(2).optional(),
    )
    .describe('With `verbose_json`.'),
};

/** A recording in a form. */
export const recordingFile = z
  .unknown()
  .refine((value) => value instanceof UploadedFile, 'must be a file')
  .meta({
    type: 'string',
    format: 'binary',
    description: 'At most 25 MiB: mp3, mp4, m4a, wav, webm, ogg, opus or flac. The type is detected.',
  });

export const transcriptionRequest = z
  .strictObject({ file: recordingFile, ...transcriptionFields })
  .meta({ id: 'TranscriptionRequest' });

/** As the gateway sends it to generation, in front of the file. */
export const transcriptionOrder = z.object({
  ...transcriptionFields,
  file_name: z.string(),
  file_type: z.string(),
});
export type TranscriptionOrder = z.output<typeof transcriptionOrder>;

export const VOICES = [
  'alloy',
  'ash',
  'ballad',
  'coral',
  'echo',
  'fable',
  'nova',
  'onyx',
  'sage',
  'shimmer',
  'verse',
] as const;
export const SPEECH_FORMATS = ['mp3', 'opus', 'aac', 'flac', 'wav', 'pcm'] as const;

export const speechRequest = z
  .strictObject({
    model: z.string().min(1).max(200).describe('A model of kind `speech`, such as `tts-1`.'),
    input: z.string().min(1).max(4_096).refine(isStorable, 'must be text').describe('The text to speak.'),
    voice: z.enum(VOICES),
    response_format: z.enum(SPEECH_FORMATS).default('mp3'),
    speed: z.number().min(0.25).max(4).optional(),
  })
  .meta({ id: 'SpeechRequest' });
export type SpeechRequest = z.output<typeof speechRequest>;

/** The content type of each format of speech. */
export const SPEECH_TYPES: Readonly<Record<SpeechRequest['response_format'], string>> = {
  mp3: 'audio/mpeg',
  opus: 'audio/ogg',
  aac: 'audio/aac',
  flac: 'audio/flac',
  wav: 'audio/wav',
  pcm: 'audio/pcm',
};

const shared = {
  method: 'POST',
  tags: ['OpenAI-compatible'],
  auth: 'user',
  scope: 'generate',
  headers: idempotencyHeaders,
} as const;
const problems = vendorProblems(
  'openai',
  ...METERING_PROBLEMS,
  'unknown_model',
  'feature_not_in_plan',
  'payment_required',
);

export const createTranscription = defineOperation({
  ...shared,
  operationId: 'createTranscription',
  path: '/v1/audio/transcriptions',
  takesMedia: true,
  isForm: true,
  summary: 'Transcribe a recording',
  description:
    'Priced by the second, and counted on `audio.seconds`. The duration is read from the file before the call; what the provider reports is charged.',
  requirements: [REQUIRES_API_ACCESS, { kind: 'model', of: 'audio', field: 'model' }],
  body: transcriptionRequest,
  bodyExample: { model: 'whisper-1', file: new UploadedFile('talk.mp3') },
  responses: {
    200: {
      description: 'The text, in the requested format. `text`, `srt` and `vtt` are plain text.',
      schema: z
        .looseObject({
          text: z.string(),
          usage: z.looseObject({ type: z.literal('duration'), seconds: z.number() }).optional(),
        })
        .meta({ id: 'Transcription' }),
      example: { text: 'Ink is wet.', usage: { type: 'duration', seconds: 2 } },
    },
    ...problems,
  },
});

export const createSpeech = defineOperation({
  ...shared,
  operationId: 'createSpeech',
  path: '/v1/audio/speech',
  summary: 'Speak a text',
  description: 'Priced by the character.',
  requirements: [REQUIRES_API_ACCESS, { kind: 'model', of: 'speech', field: 'model' }],
  body: speechRequest,
  bodyExample: { model: 'tts-1', voice: 'coral', input: 'Ink is wet.' },
  responses: {
    200: {
      description: 'The recording, in the requested format.',
      contentType: 'audio/mpeg',
      schema: z.string().meta({ format: 'binary' }),
      example: 'ID3…',
    },
    ...problems,
  },
});
