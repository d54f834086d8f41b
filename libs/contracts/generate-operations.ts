/** `POST /api/generate` */
import { z } from 'zod';
import { generateRequest, PARTS } from './generate.ts';
import { CONTENT_PROBLEMS, CONTENT_REQUIREMENTS, contentHeaders } from './generations.ts';
import { defineOperation } from './operation.ts';
import { problemResponses } from './problem-responses.ts';
import { degradations, planInfo } from './requirements.ts';
import { contentEvents } from './stream-events.ts';

export const generatedContent = z
  .looseObject({
    content: z.string().describe('The article, in Markdown.'),
    social_media_content: z.string().nullable(),
    audio_content: z.string().nullable(),
    video_content: z.string().nullable(),
    topic: z.string(),
    generated_at: z.iso.datetime(),
    cached: z.boolean().describe('The result is that of an equal request; no provider was called.'),
    generation_id: z.uuid().describe('The job, for `GET /api/generations/{id}`.'),
    documents: z
      .array(
        z.object({
          document_id: z.uuid(),
          content_type: z.enum(PARTS),
          content: z.looseObject({}).describe('The fields of the content type.'),
        }),
      )
      .describe('The finished parts; `error` says why one is missing.'),
    plan_info: planInfo.optional(),
    degraded: degradations.optional(),
  })
  .meta({ id: 'GeneratedContent' });

export const generateContent = defineOperation({
  operationId: 'generateContent',
  method: 'POST',
  path: '/api/generate',
  summary: 'Write content about a topic',
  description: [
    'Creates a job as `POST /api/generations` does, and waits for it. Responds with the server-sent events `status`,',
    '`content`, `complete` and `error`; with `Accept: application/json`, with the data of `complete` only. A client that',
    'disconnects cancels the job, unless it sent an `Idempotency-Key`.',
  ].join(' '),
  tags: ['Generation'],
  auth: 'user',
  scope: 'generate',
  requirements: CONTENT_REQUIREMENTS,
  headers: contentHeaders,
  body: generateRequest,
  bodyExample: { topic: 'fountain pens', content_types: ['blog', 'social'], tone: 'friendly' },
  responses: {
    200: {
      description: 'The content.',
      schema: generatedContent,
      example: {
        content: '# Fountain pens\n\nInk that flows as you think …',
        social_media_content: 'Still typing? Try a fountain pen. #writing #pens #ink',
        audio_content: null,
        video_content: null,
        topic: 'fountain pens',
        generated_at: '2026-11-20T12:00:00.000Z',
        cached: false,
        generation_id: '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d90',
        documents: [],
        plan_info: {
          plan: 'free',
          model_used: 'gpt-4o-mini',
          usage: {
            meter: 'gen.blog',
            window: 'period',
            current: '2',
            limit: '5',
            remaining: '3',
            resets_at: '2026-12-20T12:00:00.000Z',
          },
          badge: { label: 'Free', state: 'ok' },
        },
      },
      events: contentEvents(generatedContent),
      eventStreamExample: [
        'event: status\ndata: {"step":"research","message":"Researching the topic","progress":0}',
        'event: content\ndata: {"content_type":"blog","chunk":"# Fountain pens\\n\\nInk that flows","progress":40}',
        'event: complete\ndata: {"content":"# Fountain pens\\n\\nInk that flows as you think …","social_media_content":null,"audio_content":null,"video_content":null,"topic":"fountain pens","generated_at":"2026-11-20T12:00:00.000Z","cached":false}',
        '',
      ].join('\n\n'),
    },
    ...problemResponses(...CONTENT_PROBLEMS),
  },
});
