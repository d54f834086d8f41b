/** The shape, size and style of images on each platform. */
import type { ImageRequest } from '#libs/contracts/images.ts';
import { type Size, shapeDistance } from './image-formats.ts';

type Platform = ImageRequest['platform'];

const PLATFORMS: Readonly<Record<Platform, { shape: Size; pixels: Size; style: string }>> = {
  twitter: {
    shape: { width: 16, height: 9 },
    pixels: { width: 1600, height: 900 },
    style: 'bold and legible as a small preview in a feed on X',
  },
  instagram: {
    shape: { width: 1, height: 1 },
    pixels: { width: 1080, height: 1080 },
    style: 'polished, vivid and square-framed for Instagram',
  },
  facebook: {
    shape: { width: 16, height: 9 },
    pixels: { width: 1200, height: 630 },
    style: 'warm and inviting for a Facebook feed',
  },
  linkedin: {
    shape: { width: 16, height: 9 },
    pixels: { width: 1200, height: 627 },
    style: 'clean and professional for a LinkedIn feed',
  },
  tiktok: {
    shape: { width: 9, height: 16 },
    pixels: { width: 1080, height: 1920 },
    style: 'high-contrast and energetic, full-screen on TikTok',
  },
  youtube: {
    shape: { width: 16, height: 9 },
    pixels: { width: 1280, height: 720 },
    style: 'striking as a YouTube thumbnail, with one clear subject',
  },
  pinterest: {
    shape: { width: 2, height: 3 },
    pixels: { width: 1000, height: 1500 },
    style: 'tall, airy and inspiring for a Pinterest board',
  },
};

/** The size at which a platform shows images. */
export function platformPixels(platform: Platform): Size {
  return PLATFORMS[platform].pixels;
}

/** How a platform's images look, for a prompt. */
export function platformStyle(platform: Platform): string {
  return PLATFORMS[platform].style;
}

/** The given size whose shape is nearest to the platform's; without any, the platform's shape itself. */
export function sizeForPlatform(platform: Platform, sizes: readonly Size[]): Size {
  const { shape } = PLATFORMS[platform];
  const ranked = sizes.toSorted((one, other) => shapeDistance(one, shape) - shapeDistance(other, shape));
  return ranked[0] ?? shape;
}
