import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { MAX_AUDIO_BYTES } from '#libs/contracts/audio.ts';
import { type RecordingView, recording, STORE_RECORDING_PATH } from '#libs/contracts/recordings.ts';
import { callerOf } from '#libs/service/internal-calls.ts';
import type { Recording, SaveRecording } from './domain.ts';

/** Stores what the gateway has examined, once for each id of a request. */
export function recordingRoutes(scope: FastifyInstance, save: SaveRecording): void {
  const parser = { parseAs: 'buffer', bodyLimit: MAX_AUDIO_BYTES } as const;
  scope.addContentTypeParser(
    /^(audio|video|application)\//,
    parser,
    async (_request: unknown, body: Buffer) => body,
  );
  scope.post<{ Body: Buffer; Querystring: { seconds: number } }>(
    STORE_RECORDING_PATH,
    {
      bodyLimit: MAX_AUDIO_BYTES,
      schema: {
        querystring: z.object({ seconds: z.coerce.number().int().min(1) }),
        response: { 201: recording },
      },
    },
    async (request, reply) => {
      const { seconds } = request.query;
      const mediaType = request.headers['content-type'] ?? '';
      reply.code(201);
      return present(
        await save(callerOf(request), { id: request.id, bytes: request.body, mediaType, seconds }),
      );
    },
  );
}

function present({ id, mediaType, sizeBytes, seconds, createdAt, expiresAt }: Recording): RecordingView {
  return {
    id,
    media_type: mediaType,
    size_bytes: sizeBytes,
    seconds,
    created_at: createdAt.toISOString(),
    expires_at: expiresAt.toISOString(),
  };
}
