/** Reads a form with one file, as OpenAI's SDKs send recordings. The file is streamed to disk. */
import { Readable } from 'node:stream';
import multipart from '@fastify/multipart';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { fileTypeFromStream } from 'file-type';
import { MAX_AUDIO_BYTES, UploadedFile } from '#libs/contracts/audio.ts';
import type { FileSource } from '#libs/contracts/file-source.ts';
import { problem } from '#libs/problems/problems.ts';
import { FileTooLargeError, receiveFile, type TemporaryFile } from '#libs/storage/temporary-file.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The file of a form; it is deleted when the request ends. */
    upload: TemporaryFile | null;
  }
}

const LIMITS = {
  fileSize: MAX_AUDIO_BYTES + 1,
  files: 1,
  fields: 20,
  fieldSize: 16 * 1024,
  fieldNameSize: 100,
};
/** The most bytes of a form in addition to its file. */
const FORM_BYTES = LIMITS.fields * LIMITS.fieldSize + 64 * 1024;

/** What providers transcribe. Recordings of browsers are WebM, which may also be video. */
const AUDIO_TYPES =
  /^(audio\/(mpeg|mp4|x-m4a|wav|vnd\.wave|webm|ogg|opus|flac|x-flac)|video\/(mp4|webm|ogg)|application\/ogg)\b/;

/** Forms become bodies of the routes in this scope: a text for each field, a list for a repeated one, and the file. */
export async function acceptForms(scope: FastifyInstance): Promise<void> {
  await scope.register(multipart, { limits: LIMITS });
  scope.decorateRequest('upload', null);
  scope.addHook('preValidation', async (request) => {
    if (!request.isMultipart()) return;
    if (Number(request.headers['content-length'] ?? 0) > MAX_AUDIO_BYTES + FORM_BYTES) throw fileTooLarge();
    request.body = await readForm(request);
    // What repeated requests have in common: each form has a boundary of its own.
    request.rawBody = Buffer.from(request.upload?.sha256 ?? '');
  });
  scope.addHook('onSend', async (request, _reply, payload) => {
    await request.upload?.close();
    return payload;
  });
}

async function readForm(request: FastifyRequest): Promise<Record<string, unknown>> {
  const body: Record<string, unknown> = Object.create(null);
  try {
    for await (const part of request.parts()) {
      const { fieldname: name } = part;
      if (part.type === 'file') {
        request.upload = await receiveFile(part.file, MAX_AUDIO_BYTES);
        body[name] = new UploadedFile(part.filename ?? 'audio');
      } else {
        body[name] = name in body ? [body[name], part.value].flat() : part.value;
      }
    }
  } catch (error) {
    // The rest of the body is read, but not stored: else its client could not read the answer.
    request.raw.resume();
    if (error instanceof FileTooLargeError) throw fileTooLarge(error);
    throw problem('invalid_request', { detail: 'The form cannot be read.', cause: error });
  }
  return body;
}

const fileTooLarge = (cause?: unknown) =>
  problem('body_too_large', { detail: 'The file has more than 25 MiB.', cause });

/** The type of a file as detected. @throws ProblemError `invalid_request` if it is not a recording. */
export async function sniffAudio(file: FileSource): Promise<string> {
  const detected = await fileTypeFromStream(
    Readable.toWeb(Readable.from(file.read(), { objectMode: false })),
  );
  if (detected !== undefined && AUDIO_TYPES.test(detected.mime)) return detected.mime;
  throw problem('invalid_request', {
    detail: 'Invalid file format. Supported formats: mp3, mp4, m4a, wav, webm, ogg, opus, flac.',
    fields: { param: 'file' },
  });
}

/** The file of a request whose body has one. */
export function uploadOf(request: object): TemporaryFile {
  const { upload } = request as FastifyRequest;
  if (upload === null) throw new TypeError('The request has no file.');
  return upload;
}
