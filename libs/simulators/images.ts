import { crc32, deflateSync } from 'node:zlib';
import {
  type Answer,
  type Call,
  type CompatibleProvider,
  type Dialect,
  type Frame,
  Refusal,
} from './dialect.ts';
import { type Form, readForm } from './form.ts';
import { objectOr, optionalInteger, optionalText } from './json.ts';
import { openAiDialect } from './openai.ts';
import { hashText } from './text.ts';

const defaultModels: Partial<Record<CompatibleProvider, string>> = {
  openai: 'gpt-image-1',
  xai: 'grok-2-image',
};

/**
 * Image generation as OpenAI and xAI write it: always `b64_json`, charged per image; OpenAI's GPT models report tokens.
 * @see https://platform.openai.com/docs/api-reference/images/create
 */
export function imagesDialect(provider: CompatibleProvider): Dialect {
  return {
    ...openAiDialect(provider),
    idPrefix: 'img_',
    read: (body) => readImageRequest(objectOr(body), provider),
    writeAnswer,
    writeFrames,
  };
}

function readImageRequest(request: Readonly<Record<string, unknown>>, provider: CompatibleProvider): Call {
  const user = optionalText(request.prompt);
  if (!user) throw new Refusal(400, "Missing required parameter: 'prompt'.", { param: 'prompt' });
  const call = imageCall({
    model: optionalText(request.model) ?? defaultModels[provider] ?? 'image',
    user,
    images: optionalInteger(request.n, 'n', { max: 10 }) ?? 1,
    endUser: optionalText(request.user),
    shape: optionalText(request.size) ?? optionalText(request.aspect_ratio),
  });
  if (request.stream !== true) return call;
  if (!call.model.startsWith('gpt-image'))
    throw new Refusal(400, "Unknown parameter: 'stream'.", { param: 'stream' });
  return {
    ...call,
    stream: true,
    partialImages: optionalInteger(request.partial_images, 'partial_images', { max: 3 }) ?? 0,
  };
}

/**
 * Images of a prompt with images, as a form.
 * @see https://platform.openai.com/docs/api-reference/images/createEdit
 */
export const imageEditsDialect: Dialect = {
  ...imagesDialect('openai'),
  parse: readForm,
  read: (form) => readImageEdit(form as Form),
};

const PNG = Buffer.from([0x89, 0x50, 0x4e, 0x47]);

function readImageEdit({ fields, files }: Form): Call {
  if (files.length === 0) throw new Refusal(400, "Missing required parameter: 'image'.", { param: 'image' });
  if (!files.every(({ bytes }) => bytes.subarray(0, 4).equals(PNG)))
    throw new Refusal(400, 'Invalid image file or mode for image.', { param: 'image' });
  const { n, stream, partial_images: partials, ...texts } = Object.fromEntries(fields);
  const request = {
    ...texts,
    ...(n !== undefined && { n: Number(n) }),
    ...(stream === 'true' && { stream: true }),
    ...(partials !== undefined && { partial_images: Number(partials) }),
  };
  const call = readImageRequest(request, 'openai');
  // What is drawn depends on the images too.
  const parts = files.map(({ bytes }) => String(hashText(bytes.toString('latin1'))));
  return { ...call, prompt: { ...call.prompt, parts } };
}

/** A call for pictures: a text and nothing of what a chat has. */
export function imageCall(asked: {
  model: string;
  user: string;
  images: number;
  endUser: string | undefined;
  shape?: string | undefined;
}): Call {
  const { model, user, images, endUser, shape } = asked;
  return {
    model,
    stream: false,
    cap: undefined,
    choices: 0,
    prompt: {
      parts: [],
      imageTokens: 0,
      system: '',
      user,
      toolResult: undefined,
      cacheMarks: [],
      cacheForAnHour: false,
    },
    countPrompt: () => 0,
    countAudio: () => 0,
    countText: () => 0,
    tools: [],
    toolChoice: 'none',
    outputSchema: undefined,
    reasons: false,
    usageInStream: false,
    cachesByItself: false,
    images,
    endUser,
    ...(shape !== undefined && { imageShape: shape }),
  };
}

function writeAnswer({ createdAtSeconds, call }: Answer): string {
  const { user, parts } = call.prompt;
  const data = Array.from({ length: call.images }, (_, index) => ({
    b64_json: picture(call, `${index}${user}${parts.join('')}`),
    revised_prompt: user,
  }));
  const usage = call.model.startsWith('gpt-image') && usageOf(call.prompt, call.images);
  return JSON.stringify({ created: createdAtSeconds, data, ...(usage && { usage }) });
}

/** @see https://platform.openai.com/docs/api-reference/images-streaming */
function writeFrames({ createdAtSeconds: created_at, call }: Answer): Frame[] {
  const { user, parts } = call.prompt;
  const kind = parts.length === 0 ? 'image_generation' : 'image_edit';
  const frame = (type: string, data: object): Frame => ({
    text: `event: ${type}\ndata: ${JSON.stringify({ type, created_at, ...data })}\n\n`,
    outputTokens: 0,
  });
  const partials = call.partialImages ?? 0;
  return [
    ...Array.from({ length: partials }, (_, index) =>
      frame(`${kind}.partial_image`, {
        b64_json: picture(call, `partial ${index}${user}`),
        partial_image_index: index,
      }),
    ),
    frame(`${kind}.completed`, {
      b64_json: picture(call, `0${user}${parts.join('')}`),
      usage: usageOf(call.prompt, 1, partials),
    }),
  ];
}

/** Those of a low quality and a square. */
const TOKENS_PER_IMAGE = 272;

const TOKENS_PER_PARTIAL = 100;

/** A square that the prompt speaks of. */
const TOKENS_PER_INPUT_IMAGE = 194;

function usageOf({ user, parts }: Call['prompt'], images: number, partials = 0) {
  const text = Math.ceil(user.length / 4);
  const image = TOKENS_PER_INPUT_IMAGE * parts.length;
  const input = text + image;
  const output = (TOKENS_PER_IMAGE + TOKENS_PER_PARTIAL * partials) * images;
  return {
    input_tokens: input,
    input_tokens_details: { text_tokens: text, image_tokens: image },
    output_tokens: output,
    total_tokens: input + output,
  };
}

/** As Base64: each model draws another picture of a prompt. */
function picture({ model, imageShape }: Call, seed: string): string {
  return drawPng(hashText(`${model}${seed}`), imageShape).toString('base64');
}

/** Pixels of the longer side, a quarter of what models draw. */
const LONGER_SIDE = 256;
const BYTES_PER_PIXEL = 3;

/** A disc before a colour that shades off to the right, in colours of its own for every seed. */
export function drawPng(seed: number, shape = '1:1'): Buffer {
  const { width, height } = pixelsOf(shape);
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.writeUInt8(8, 8); // bits per channel
  header.writeUInt8(2, 9); // RGB
  const rows = Array.from({ length: height }, (_, y) => drawRow(seed, y, width, height));
  const pixels = deflateSync(Buffer.concat(rows), { level: 1 });
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([signature, pngChunk('IHDR', header), pngChunk('IDAT', pixels), pngChunk('IEND')]);
}

function pixelsOf(shape: string): { width: number; height: number } {
  const [across = 1, down = 1] = /^\d+[x:]\d+$/.test(shape) ? shape.split(/[x:]/).map(Number) : [];
  const scale = LONGER_SIDE / Math.max(across, down);
  return { width: Math.round(across * scale), height: Math.round(down * scale) };
}

function drawRow(seed: number, y: number, width: number, height: number): Buffer {
  const row = Buffer.alloc(1 + width * BYTES_PER_PIXEL);
  const radius = Math.min(width, height) / 4;
  const half = Math.sqrt(Math.max(0, radius ** 2 - (y - height / 2) ** 2));
  for (let x = 0; x < width; x += 1) {
    const shade = 1 - x / (2 * width);
    const isDisc = Math.abs(x - width / 2) < half;
    for (let channel = 0; channel < BYTES_PER_PIXEL; channel += 1) {
      const colour = Math.floor(((seed >>> (channel * 8)) & 0xff) * shade);
      row[1 + x * BYTES_PER_PIXEL + channel] = isDisc ? 255 - colour : colour;
    }
  }
  return row;
}

function pngChunk(type: string, data = Buffer.alloc(0)): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const chunk = Buffer.alloc(body.length + 8);
  chunk.writeUInt32BE(data.length, 0);
  body.copy(chunk, 4);
  chunk.writeUInt32BE(crc32(body), body.length + 4);
  return chunk;
}
