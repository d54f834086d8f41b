/** Reads a form with one file, as OpenAI's SDKs send recordings. */
import multipart from '@fastify/multipart';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { fileTypeFromBuffer } from 'file-type';
import { MAX_AUDIO_BYTES, type UploadedFile } from '#libs/contracts/audio.ts';
import { problem } from '#libs/problems/problems.ts';

const LIMITS = { fileSize: MAX_AUDIO_BYTES, files: 1, fields: 20, fieldSize: 64 * 1024, fieldNameSize: 100 };
const FILE_TOO_LARGE = 'FST_REQ_FILE_TOO_LARGE';

/** What providers transcribe. Recordings of browsers are WebM, which may also be video. */
const AUDIO_TYPES =
  /^(audio\/(mpeg|mp4|x-m4a|wav|vnd\.wave|webm|ogg|opus|flac|x-flac)|video\/(mp4|webm|ogg)|application\/ogg)\b/;

/** Forms become bodies of the routes in this scope: a text for each field, a list for a repeated one, and the file. */
export async function acceptForms(scope: FastifyInstance): Promise<void> {
  await scope.register(multipart, { limits: LIMITS });
  scope.addHook('preValidation', async (request) => {
    if (!request.isMultipart()) return;
    const form = await readForm(request);
    request.body = form;
    // What repeated requests have in common: each form has a boundary of its own.
    request.rawBody = (form.file as UploadedFile | undefined)?.bytes ?? null;
  });
}

async function readForm(request: FastifyRequest): Promise<Record<string, unknown>> {
  const body: Record<string, unknown> = Object.create(null);
  try {
    for await (const part of request.parts()) {
      const { fieldname: name } = part;
      if (part.type === 'file') {
        body[name] = { name: part.filename ?? 'audio', type: part.mimetype, bytes: await part.toBuffer() };
      } else {
        body[name] = name in body ? [body[name], part.value].flat() : part.value;
      }
    }
  } catch (error) {
    if ((error as { code?: unknown }).code === FILE_TOO_LARGE) {
      throw problem('body_too_large', { detail: 'The file has more than 25 MiB.', cause: error });
    }
    throw problem('invalid_request', { detail: 'The form cannot be read.', cause: error });
  }
  return body;
}

/** The file with its type as detected. @throws ProblemError `invalid_request` if it is not a recording. */
export async function sniffAudio(file: UploadedFile): Promise<UploadedFile> {
  const detected = await fileTypeFromBuffer(file.bytes);
  if (detected !== undefined && AUDIO_TYPES.test(detected.mime)) return { ...file, type: detected.mime };
  throw problem('invalid_request', {
    detail: 'Invalid file format. Supported formats: mp3, mp4, m4a, wav, webm, ogg, opus, flac.',
    fields: { param: 'file' },
  });
}
