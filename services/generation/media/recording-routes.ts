import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { MAX_AUDIO_BYTES } from '#libs/contracts/audio.ts';
import { type RecordingView, recording, STORE_RECORDING_PATH } from '#libs/contracts/recordings.ts';
import { callerOf } from '#libs/service/internal-calls.ts';
import { receiveFile } from '#libs/storage/temporary-file.ts';
import type { Recording, SaveRecording } from './domain.ts';

/** Stores what the gateway has examined, once for each id of a request. */
export function recordingRoutes(scope: FastifyInstance, save: SaveRecording): void {
  scope.addContentTypeParser(
    /^(audio|video|application)\//,
    async (_request: unknown, stream: IncomingMessage) => stream,
  );
  scope.post<{ Body: IncomingMessage; Querystring: { seconds: number } }>(
    STORE_RECORDING_PATH,
    {
      schema: {
        querystring: z.object({ seconds: z.coerce.number().int().min(1) }),
        response: { 201: recording },
      },
    },
    async (request, reply) => {
      const { seconds } = request.query;
      const mediaType = request.headers['content-type'] ?? '';
      const bytes = await receiveFile(request.body, MAX_AUDIO_BYTES);
      try {
        const file = { id: request.id, bytes, mediaType, seconds };
        reply.code(201);
        return present(await save(callerOf(request), file));
      } finally {
        await bytes.close();
      }
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
