import type { FastifyInstance } from 'fastify';
import { callFirst } from '#libs/clients/call-first.ts';
import type { InternalClient } from '#libs/clients/internal-client.ts';
import { createRecording, recording, STORE_RECORDING_PATH } from '#libs/contracts/recordings.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { readSeconds } from './durations/read-seconds.ts';
import { sniffAudio, uploadOf } from './form.ts';

/** `POST /api/recordings`: a recording that jobs write from. @param generation one client for each address. */
export function recordingRoute(scope: FastifyInstance, generation: readonly InternalClient[]): void {
  serveOperation(scope, createRecording, async (request, reply) => {
    const content = uploadOf(request);
    const mediaType = await sniffAudio(content);
    const seconds = await readSeconds(content, mediaType);
    const stored = await callFirst(generation, {
      method: 'POST',
      path: `${STORE_RECORDING_PATH}?seconds=${seconds}`,
      requestId: request.id,
      caller: request.caller,
      file: { content, mediaType },
      // The recording has the id of the request, so that it is stored once.
      isIdempotent: true,
    });
    reply.code(201);
    return recording.parse(stored);
  });
}
