import sharp from 'sharp';
import t from 'tap';
import { imageRequest } from '#libs/contracts/images.ts';
import { drawPng } from '#libs/simulators/images.ts';
import { finishImage } from './finish-image.ts';

const PICTURE = drawPng(0x4060a0, '3:2').toString('base64');

const finish = (more: object) =>
  finishImage(
    { base64: PICTURE, url: null, revisedPrompt: null },
    imageRequest.parse({ prompt: 'A fountain pen', ...more }),
  );
const colour = (width: number, height: number, background: string) =>
  sharp({ create: { width, height, channels: 4, background } });
const pixelsOf = (base64: string | null) =>
  sharp(Buffer.from(base64 ?? '', 'base64'))
    .raw()
    .toBuffer({ resolveWithObject: true });

t.test('given each platform, then its images have its size, the format and the watermark', async (t) => {
  const logo = await colour(40, 20, '#ff0000').png().toBuffer();
  for (const [platform, width, height] of [
    ['twitter', 1600, 900],
    ['instagram', 1080, 1080],
    ['facebook', 1200, 630],
    ['linkedin', 1200, 627],
    ['tiktok', 1080, 1920],
    ['youtube', 1280, 720],
    ['pinterest', 1000, 1500],
  ] as const) {
    const image = await finish({
      ...{ platform, enable_post_processing: true, output_format: 'webp' },
      watermark: logo.toString('base64'),
    });
    const applied = ['platform_crop', 'watermark', 'format'];
    t.match(image, { mediaType: 'image/webp', width, height, applied, isUnfinished: false }, platform);
    const { data, info } = await pixelsOf(image.base64);
    t.match(info, { width, height });
    const margin = Math.round(width * 0.03) + 8;
    const at = ((height - margin) * width + (width - margin)) * info.channels;
    const [red = 0, green = 0, blue = 0] = data.subarray(at, at + 3);
    t.ok(red > 200 && green < 60 && blue < 60, `the watermark is red: ${red} ${green} ${blue}`);
  }
});

t.test('given no post-processing, or a size of its own, then an image keeps its size', async (t) => {
  const size = { width: 256, height: 171 };
  t.match(await finish({ output_format: 'webp' }), {
    base64: PICTURE,
    mediaType: 'image/png',
    ...size,
    applied: [],
  });
  const custom = { custom_options: { width: 1024, height: 1536 } };
  t.match(await finish({ ...custom, enable_post_processing: true, output_format: 'jpeg' }), {
    ...{ mediaType: 'image/jpeg', ...size },
    applied: ['format'],
  });
});

t.test('given logos of every kind, then they are shown upright, and fit in the image', async (t) => {
  const upright = await colour(40, 10, '#ff0000').flatten().jpeg().toBuffer();
  const logos = {
    tall: await colour(10, 400, '#ff0000').png().toBuffer(),
    rotated: await sharp(upright).rotate(90).withMetadata({ orientation: 8 }).jpeg().toBuffer(),
    cmyk: await sharp(upright).toColourspace('cmyk').jpeg().toBuffer(),
    '16 bits': await colour(40, 10, '#ff0000').toColourspace('rgb16').png().toBuffer(),
  };
  for (const [name, logo] of Object.entries(logos)) {
    const { base64, applied } = await finish({
      enable_post_processing: true,
      watermark: logo.toString('base64'),
    });
    t.strictSame(applied, ['platform_crop', 'watermark'], name);
    const { data, info } = await pixelsOf(base64);
    const rows = Array.from({ length: info.height }, (_, y) =>
      isRed(data, (y * info.width + 1_040) * info.channels),
    );
    const height = rows.filter(Boolean).length;
    if (name === 'tall') t.ok(height > 300 && height <= 324, `${name}: ${height} rows`);
    else t.ok(height > 40 && height < 60, `${name}: ${height} rows`);
  }
});

t.test(
  'given a watermark that is damaged or has too many pixels, then the image is delivered without',
  async (t) => {
    const huge = await colour(3_000, 3_000, '#000').png().toBuffer();
    for (const watermark of [huge, Buffer.from('iVBORw0KGgoAAAA=', 'base64')])
      t.match(await finish({ enable_post_processing: true, watermark: watermark.toString('base64') }), {
        ...{ base64: PICTURE, mediaType: 'image/png', width: 256 },
        ...{ applied: [], isUnfinished: true },
      });
  },
);

function isRed(pixels: Buffer, at: number): boolean {
  const [red = 0, green = 0, blue = 0] = pixels.subarray(at, at + 3);
  return red > 180 && green < 80 && blue < 80;
}
