/** `POST /api/recordings`: recordings that content is written from. */
import { z } from 'zod';
import { recordingFile, UploadedFile } from './audio.ts';
import { count, instant } from './envelope.ts';
import { idempotencyHeaders } from './idempotency-key.ts';
import { defineOperation } from './operation.ts';
import { problemResponses, USER_PROBLEMS } from './problem-responses.ts';

export const recording = z
  .object({
    id: z.uuid().describe('The `recording_id` of a request for content.'),
    media_type: z.string(),
    size_bytes: count,
    seconds: count.describe('What a transcription is held for.'),
    created_at: instant,
    expires_at: instant.describe('When the file is deleted.'),
  })
  .meta({ id: 'Recording' });
export type RecordingView = z.infer<typeof recording>;

export const createRecording = defineOperation({
  operationId: 'createRecording',
  method: 'POST',
  path: '/api/recordings',
  headers: idempotencyHeaders,
  summary: 'Upload a recording',
  description: [
    'Stores a recording, for jobs that write from it: `POST /api/generations` with its `recording_id`. Nothing is',
    'transcribed or charged yet. It is one of the stored media: `DELETE /api/media/{id}` deletes it, and it is kept as',
    'long as other media.',
  ].join(' '),
  tags: ['Generation'],
  auth: 'user',
  scope: 'generate',
  takesMedia: true,
  isForm: true,
  body: z.strictObject({ file: recordingFile }).meta({ id: 'CreateRecordingRequest' }),
  bodyExample: { file: new UploadedFile('talk.mp3') },
  responses: {
    201: {
      description: 'The recording.',
      schema: recording,
      example: {
        id: '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d81',
        media_type: 'audio/mpeg',
        size_bytes: 2_400_000,
        seconds: 600,
        created_at: '2026-11-20T12:00:00.000Z',
        expires_at: '2026-12-20T12:00:00.000Z',
      },
    },
    ...problemResponses(...USER_PROBLEMS, 'body_too_large', 'overloaded', 'service_unavailable'),
  },
});

/** `POST /internal/v1/recordings?seconds=…`: the gateway has examined the file, which is the body. */
export const STORE_RECORDING_PATH = '/internal/v1/recordings';
