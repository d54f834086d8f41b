/** `POST /api/generate` */
import { z } from 'zod';
import { METERING_PROBLEMS } from './chat-operations.ts';
import { generateRequest } from './generate.ts';
import { idempotencyHeaders } from './idempotency-key.ts';
import { defineOperation } from './operation.ts';
import { problemResponses } from './problem-responses.ts';
import { degradations, planInfo, REQUIRES_API_ACCESS } from './requirements.ts';

export const generatedContent = z
  .looseObject({
    content: z.string().describe('The article, in Markdown.'),
    social_media_content: z.string().nullable(),
    audio_content: z.string().nullable(),
    video_content: z.string().nullable(),
    topic: z.string(),
    generated_at: z.iso.datetime(),
    cached: z.boolean(),
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
    'Runs the pipeline of each content type (`blog`: research, write, edit; `social`: written from the article).',
    'Responds with the server-sent events `status`, `content`, `complete` and `error`; with `Accept: application/json`,',
    'with the data of `complete` only. Each step is one provider call, settled when it ends.',
  ].join(' '),
  tags: ['Generation'],
  auth: 'user',
  scope: 'generate',
  requirements: [
    REQUIRES_API_ACCESS,
    { kind: 'content_types', field: 'content_types' },
    { kind: 'model', of: 'text', field: 'model' },
  ],
  headers: idempotencyHeaders,
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
      eventStreamExample: [
        'event: status\ndata: {"step":"research"}',
        'event: content\ndata: {"chunk":"# Fountain pens\\n\\nInk that flows","progress":40}',
        'event: complete\ndata: {"content":"# Fountain pens\\n\\nInk that flows as you think …","social_media_content":null,"audio_content":null,"video_content":null,"topic":"fountain pens","generated_at":"2026-11-20T12:00:00.000Z","cached":false}',
        '',
      ].join('\n\n'),
    },
    ...problemResponses(
      ...METERING_PROBLEMS,
      'unknown_model',
      'content_type_not_in_plan',
      'feature_not_in_plan',
      'payment_required',
    ),
  },
});
