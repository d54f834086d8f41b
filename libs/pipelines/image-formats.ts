/** How image models are asked for pictures, where that takes more than a prompt. By the name the provider's API takes. */

export type ImageFormat = {
  /** The sizes it draws, in pixels or as ratios; empty where it cannot be told. */
  readonly sizes: readonly string[];
  /** Its own qualities from the least to the best; empty where it cannot be told. */
  readonly qualities: readonly string[];
  /** More than these take several calls. */
  readonly imagesPerCall: number;
};

/** Asked for one picture at a time and for nothing else, which every model understands. */
const PLAIN: ImageFormat = { sizes: [], qualities: [], imagesPerCall: 1 };

const FORMATS: Readonly<Record<string, ImageFormat>> = {
  // https://platform.openai.com/docs/api-reference/images/create
  'gpt-image-1': {
    sizes: ['1024x1024', '1024x1536', '1536x1024'],
    qualities: ['low', 'medium', 'high'],
    imagesPerCall: 10,
  },
  'dall-e-3': {
    sizes: ['1024x1024', '1024x1792', '1792x1024'],
    qualities: ['standard', 'hd'],
    imagesPerCall: 1,
  },
  // https://docs.x.ai/docs/guides/image-generations: neither size nor quality can be chosen
  'grok-2-image': { sizes: [], qualities: [], imagesPerCall: 10 },
  // https://platform.stability.ai/docs/api-reference#tag/Generate
  'stable-image-core': { sizes: ['1:1', '2:3', '3:2', '9:16', '16:9'], qualities: [], imagesPerCall: 1 },
};

export function imageFormatOf(upstreamModel: string): ImageFormat {
  return Object.hasOwn(FORMATS, upstreamModel) ? (FORMATS[upstreamModel] as ImageFormat) : PLAIN;
}

export type Size = { readonly width: number; readonly height: number };

export function sizeName({ width, height }: Size): string {
  return `${width}x${height}`;
}

/** How far two shapes are from each other, whichever of them is wider. 0 is the same. */
export function shapeDistance(one: Size, other: Size): number {
  return Math.abs(Math.log((one.width * other.height) / (one.height * other.width)));
}

/** The size of a model that is shaped most like the one wanted; null where the model decides. */
export function nearestSize({ sizes }: ImageFormat, wanted: Size): string | null {
  const byDistance = sizes
    .map((name) => ({ name, distance: shapeDistance(parseSize(name), wanted) }))
    .sort((left, right) => left.distance - right.distance);
  return byDistance[0]?.name ?? null;
}

function parseSize(name: string): Size {
  const [width = 1, height = 1] = name.split(/[x:]/).map(Number);
  return { width, height };
}

/**
 * A model's own quality for one of a plan's ladder: both run from the least to the best, and in between the plan's is
 * never delivered as more than it is.
 */
export function providerQuality(
  { qualities }: ImageFormat,
  quality: string | null,
  ladder: readonly string[],
): string | null {
  const position = quality === null ? -1 : ladder.indexOf(quality);
  if (position === -1) return null;
  const share = ladder.length === 1 ? 1 : position / (ladder.length - 1);
  return qualities[Math.floor(share * (qualities.length - 1))] ?? null;
}
