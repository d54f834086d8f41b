/** The account's own images in a document, read from storage, so that an exported file shows them everywhere. */
import sharp from 'sharp';

/** A path such as `/api/media/{id}`, as documents name it, with the image. */
export type EmbeddedImages = ReadonlyMap<string, EmbeddedImage>;

export type EmbeddedImage = {
  readonly bytes: Buffer;
  readonly format: 'png' | 'jpg';
  readonly width: number;
  readonly height: number;
};

const MEDIA_IMAGE = /!\[[^\]]*\]\((\/api\/media\/([0-9a-f-]{36}))\)/g;
const MAX_IMAGES = 20;
/** Wide enough for a printed page. */
const MAX_WIDTH = 1_600;
const MAX_PIXELS = 4_096 * 4_096;

/** @param read the bytes of a file of the document's account; an image that is gone is left out. */
export async function loadImages(
  markdown: string,
  read: (id: string) => Promise<Buffer | undefined>,
): Promise<EmbeddedImages> {
  const found = new Map([...markdown.matchAll(MEDIA_IMAGE)].map(([, path = '', id = '']) => [path, id]));
  const images = new Map<string, EmbeddedImage>();
  for (const [path, id] of [...found].slice(0, MAX_IMAGES)) {
    const bytes = await read(id);
    const image = bytes && (await toEmbedded(bytes));
    if (image !== undefined) images.set(path, image);
  }
  return images;
}

/** @returns undefined for a file that is no image. */
async function toEmbedded(bytes: Buffer): Promise<EmbeddedImage | undefined> {
  try {
    const source = sharp(bytes, { limitInputPixels: MAX_PIXELS });
    const format = (await source.metadata()).format === 'jpeg' ? 'jpg' : 'png';
    const { data, info } = await source
      .resize({ width: MAX_WIDTH, withoutEnlargement: true })
      .toFormat(format === 'jpg' ? 'jpeg' : 'png')
      .toBuffer({ resolveWithObject: true });
    return { bytes: data, format, width: info.width, height: info.height };
  } catch {
    return undefined;
  }
}
