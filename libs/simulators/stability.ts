import type { Answer, Call, Dialect, Target } from './dialect.ts';
import { Refusal } from './dialect.ts';
import { drawPng, imageCall } from './images.ts';
import { bearerToken } from './openai-errors.ts';
import { hashText } from './text.ts';

const LONGEST_PROMPT = 10_000;
const ASPECT_RATIOS = ['16:9', '1:1', '21:9', '2:3', '3:2', '4:5', '5:4', '9:16', '9:21'];
const MODERATION = 403;
const LINE_END = '\r\n';
const HEAD_END = `${LINE_END}${LINE_END}`;

type Fields = ReadonlyMap<string, string>;

/**
 * Stability's `stable-image/generate/core`: a form in, one picture in Base64 out.
 * @see https://platform.stability.ai/docs/api-reference#tag/Generate
 */
export const stabilityDialect: Dialect = {
  provider: 'stability',
  idPrefix: 'stability-',
  requestIdHeader: 'x-request-id',
  credential: bearerToken,
  parse: readForm,
  read: (fields) => readImageForm(fields as Fields),
  writeAnswer,
  writeFrames: () => [],
  statusOf: ({ code, status }) => (code === 'moderation_blocked' ? MODERATION : status),
  writeRefusal: ({ message, code, status }, requestId) =>
    JSON.stringify({ id: requestId, name: nameOf(code, status), errors: [message] }),
};

function nameOf(code: string | null, status: number): string {
  if (code === 'moderation_blocked') return 'content_moderation';
  return status === 401 ? 'unauthorized' : status >= 500 ? 'internal_error' : 'bad_request';
}

/** The text fields of a form. */
function readForm(body: Buffer, { headers }: Target): Fields {
  const [, boundary] = /boundary="?([^";]+)"?/.exec(headers['content-type'] ?? '') ?? [];
  if (boundary === undefined) throw new Refusal(400, 'content-type: must be multipart/form-data');
  const fields = new Map<string, string>();
  for (const part of body.toString().split(`--${boundary}`)) {
    const end = part.indexOf(HEAD_END);
    const [, name] = /name="([^"]*)"/.exec(part.slice(0, Math.max(end, 0))) ?? [];
    // the line break before the next boundary is not part of the value
    if (name !== undefined) fields.set(name, part.slice(end + HEAD_END.length, -LINE_END.length));
  }
  return fields;
}

function readImageForm(fields: Fields): Call {
  const user = fields.get('prompt') ?? '';
  if (user === '' || user.length > LONGEST_PROMPT)
    throw new Refusal(400, 'prompt: must have 1 to 10000 characters');
  const ratio = fields.get('aspect_ratio') ?? '1:1';
  if (!ASPECT_RATIOS.includes(ratio))
    throw new Refusal(400, `aspect_ratio: must be one of ${ASPECT_RATIOS.join(', ')}`);
  return imageCall({ model: 'stable-image-core', user, images: 1, endUser: undefined, shape: ratio });
}

function writeAnswer({ call }: Answer): string {
  const seed = hashText(call.prompt.user);
  return JSON.stringify({
    image: drawPng(seed, call.imageShape).toString('base64'),
    finish_reason: 'SUCCESS',
    seed,
  });
}
