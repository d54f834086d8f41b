/** The sizes and qualities that image models accept, by the model's name in the provider's API. */

export type ImageFormat = {
  /** Sizes to choose from, in pixels or as ratios; empty if the model decides. */
  readonly sizes: readonly string[];
  /** Qualities to choose from, from the lowest to the highest; empty if the model decides. */
  readonly qualities: readonly string[];
  /** Images that one call can return. */
  readonly imagesPerCall: number;
  /** The units (`image_unit`) that one image is billed by, by quality and then in the order of `sizes`. */
  readonly unitsByQuality?: Readonly<Record<string, readonly number[]>>;
  /** The units that a preview is billed by; undefined for a model that streams none. */
  readonly unitsPerPartial?: number;
  /** The most units (`image_input`) that an image in the prompt is billed by; undefined for a model that takes none. */
  readonly unitsPerInputImage?: number;
};

/** One image per call without options, which every model supports. */
const PLAIN: ImageFormat = { sizes: [], qualities: [], imagesPerCall: 1 };

const GROK_RATIOS = ['1:1', '2:3', '3:2', '9:16', '16:9'];

const FORMATS: Readonly<Record<string, ImageFormat>> = {
  // https://platform.openai.com/docs/api-reference/images/create
  'gpt-image-1': {
    sizes: ['1024x1024', '1024x1536', '1536x1024'],
    qualities: ['low', 'medium', 'high'],
    imagesPerCall: 10,
    // output tokens: https://platform.openai.com/docs/guides/image-generation#calculating-costs
    unitsByQuality: { low: [272, 408, 400], medium: [1056, 1584, 1568], high: [4160, 6240, 6208] },
    // https://platform.openai.com/docs/guides/image-generation#partial-images-cost
    unitsPerPartial: 100,
    // 65 and 129 for each tile of 512 pixels, of which the shorter side has one and the longer side at most four:
    // https://platform.openai.com/docs/guides/images-vision#calculating-costs
    unitsPerInputImage: 65 + 4 * 129,
  },
  'dall-e-3': {
    sizes: ['1024x1024', '1024x1792', '1792x1024'],
    qualities: ['standard', 'hd'],
    imagesPerCall: 1,
    // steps of 4 cents: https://platform.openai.com/docs/pricing#image-generation
    unitsByQuality: { standard: [1, 2, 2], hd: [2, 3, 3] },
  },
  // https://docs.x.ai/docs/guides/image-generations: a ratio instead of a size
  'grok-imagine-image': { sizes: GROK_RATIOS, qualities: [], imagesPerCall: 10 },
  'grok-imagine-image-pro': { sizes: GROK_RATIOS, qualities: [], imagesPerCall: 10 },
  'grok-2-image': { sizes: [], qualities: [], imagesPerCall: 10 },
  // https://platform.stability.ai/docs/api-reference#tag/Generate
  'stable-image-core': { sizes: ['1:1', '2:3', '3:2', '9:16', '16:9'], qualities: [], imagesPerCall: 1 },
};

export function imageFormatOf(upstreamModel: string): ImageFormat {
  return Object.hasOwn(FORMATS, upstreamModel) ? (FORMATS[upstreamModel] as ImageFormat) : PLAIN;
}

/**
 * The most units that an image of this size and quality is billed by, over all sizes or qualities where the model decides;
 * 0 if the model is billed by the image.
 */
export function maxImageUnits(
  { sizes, unitsByQuality = {} }: ImageFormat,
  size: string | null,
  quality: string | null,
): number {
  const rows = quality === null ? Object.values(unitsByQuality) : [unitsByQuality[quality] ?? []];
  const column = size === null ? -1 : sizes.indexOf(size);
  return Math.max(0, ...rows.flatMap((row) => (column === -1 ? row : (row[column] ?? []))));
}

export type Size = { readonly width: number; readonly height: number };

export function sizeName({ width, height }: Size): string {
  return `${width}x${height}`;
}

/** The difference of two shapes, in either direction; 0 if they are the same. */
export function shapeDistance(one: Size, other: Size): number {
  return Math.abs(Math.log((one.width * other.height) / (one.height * other.width)));
}

/** The size of a model whose shape is nearest to the wanted one; null if the model decides. */
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
 * A model's own quality for a quality of the plan's ladder. Both run from the lowest to the highest; between the ends it is
 * rounded down.
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
