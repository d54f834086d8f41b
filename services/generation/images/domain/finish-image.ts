import sharp, { type Sharp } from 'sharp';
import type { ImageRequest } from '#libs/contracts/images.ts';
import { platformPixels } from '#libs/pipelines/image-platforms.ts';
import type { DrawnImage } from '../../providers/domain/image-adapter.ts';

/** No provider draws images of more pixels; larger ones would take the memory of the process. */
const MAX_PIXELS = 4_096 * 4_096;
/** A watermark is a logo. */
const MAX_WATERMARK_PIXELS = 2_048 * 2_048;
/** Shares of the image's width, and the most of its height. */
const WATERMARK_WIDTH = 0.18;
const WATERMARK_HEIGHT = 0.3;
const WATERMARK_MARGIN = 0.03;
const QUALITY = 88;

type Pixels = { width: number; height: number };

/** An image as it is delivered. */
export type FinishedImage = DrawnImage & {
  mediaType: string | null;
  width: number | null;
  height: number | null;
  /** The adaptations that were made. */
  applied: readonly string[];
  /** An adaptation was requested, and could not be made. */
  isUnfinished: boolean;
};

const open = (bytes: Buffer, limitInputPixels = MAX_PIXELS) =>
  sharp(bytes, { limitInputPixels, failOn: 'error', animated: false });

/**
 * Adapts an image to its platform: cropped to the platform's size around what draws attention, with a watermark, in the
 * requested format. An image that cannot be adapted is delivered as it is.
 */
export async function finishImage(image: DrawnImage, request: ImageRequest): Promise<FinishedImage> {
  const plain = { ...image, mediaType: null, width: null, height: null, applied: [] };
  const isUnfinished = request.enable_post_processing;
  if (image.base64 === null) return { ...plain, isUnfinished };
  const bytes = Buffer.from(image.base64, 'base64');
  let described: FinishedImage = { ...plain, isUnfinished };
  try {
    described = await describe(described, bytes);
    return isUnfinished ? await adapt(described, bytes, request) : described;
  } catch {
    return described;
  }
}

async function describe(image: FinishedImage, bytes: Buffer): Promise<FinishedImage> {
  const { format, width, height } = await open(bytes).metadata();
  return { ...image, mediaType: `image/${format}`, width, height };
}

async function adapt(image: FinishedImage, bytes: Buffer, request: ImageRequest): Promise<FinishedImage> {
  const { custom_options: custom, platform, output_format: format, watermark } = request;
  const applied: string[] = [];
  let work: Sharp = open(bytes).rotate();
  let width = image.width ?? 0;
  let height = image.height ?? 0;
  if (!custom) {
    const size = platformPixels(platform);
    work = work.resize({ ...size, fit: 'cover', position: 'attention' });
    ({ width, height } = size);
    applied.push('platform_crop');
  }
  if (watermark) {
    work = await withWatermark(work, Buffer.from(watermark, 'base64'), { width, height });
    applied.push('watermark');
  }
  if (format) {
    work = work.toFormat(format, { quality: QUALITY });
    applied.push('format');
  }
  const { data, info } = await work.toBuffer({ resolveWithObject: true });
  return {
    ...image,
    base64: data.toString('base64'),
    mediaType: `image/${info.format}`,
    width: info.width,
    height: info.height,
    applied,
    isUnfinished: false,
  };
}

/** In the lower right corner. */
async function withWatermark(image: Sharp, logo: Buffer, { width, height }: Pixels): Promise<Sharp> {
  const margin = Math.round(width * WATERMARK_MARGIN);
  const most = {
    width: Math.max(1, Math.round(width * WATERMARK_WIDTH)),
    height: Math.max(1, Math.round(height * WATERMARK_HEIGHT)),
  };
  const scaled = await open(logo, MAX_WATERMARK_PIXELS)
    .rotate()
    .resize({ ...most, fit: 'inside' })
    .extend({ right: margin, bottom: margin, background: { r: 0, g: 0, b: 0, alpha: 0 } })
    .png()
    .toBuffer();
  return image.composite([{ input: scaled, gravity: 'southeast' }]);
}

/** A small copy for a model that sees, as a data URL; null if the image cannot be read. */
export async function previewOf({ base64 }: Pick<DrawnImage, 'base64'>): Promise<string | null> {
  const preview = base64 && (await copyOf(base64, 512, (image) => image.jpeg({ quality: 80 })));
  return preview ? `data:image/jpeg;base64,${preview.toString('base64')}` : null;
}

/** A copy for a model that draws, without what else the file has; null if the image cannot be read. */
export function pngCopyOf(base64: string): Promise<Buffer | null> {
  return copyOf(base64, 1_024, (image) => image.png());
}

async function copyOf(base64: string, side: number, encode: (image: Sharp) => Sharp): Promise<Buffer | null> {
  try {
    const image = open(Buffer.from(base64, 'base64')).rotate();
    const size = { width: side, height: side, fit: 'inside', withoutEnlargement: true } as const;
    return await encode(image.resize(size)).toBuffer();
  } catch {
    return null;
  }
}
