/** Tokens of the images in a prompt, by the formulas that the vendors document. */
import type { CountMode } from './text-tokens.ts';

export type ImageSize = { width: number; height: number };

/** An image in a prompt: its size, or undefined if only the vendor can know it. */
export type PromptImage = { size: ImageSize | undefined; isLowDetail?: boolean };

/** The most tokens of one image by size: what a vendor makes of it after scaling. */
export type ImageFormula = { tokensOf: (size: ImageSize) => number; most: number; low?: number };

export function imageTokens(image: PromptImage, formula: ImageFormula, mode: CountMode): number {
  if (mode === 'most' || image.size === undefined) return formula.most;
  if (image.isLowDetail && formula.low !== undefined) return formula.low;
  return formula.tokensOf(image.size);
}

/** The size in the header of a PNG; undefined for other formats and for links. */
export function sizeOfDataUrl(url: string): ImageSize | undefined {
  const [, base64] = /^data:image\/png;base64,(.*)$/s.exec(url) ?? [];
  return base64 === undefined ? undefined : sizeOfPng(base64);
}

const PNG_SIZE_OFFSET = 16;

export function sizeOfPng(base64: string): ImageSize | undefined {
  const head = Buffer.from(base64.slice(0, 44), 'base64');
  if (head.length < PNG_SIZE_OFFSET + 8 || head.toString('latin1', 12, 16) !== 'IHDR') return undefined;
  return { width: head.readUInt32BE(PNG_SIZE_OFFSET), height: head.readUInt32BE(PNG_SIZE_OFFSET + 4) };
}

/** Far more than the error of a floating-point product, and no pixel. */
const ROUNDING_ERROR = 1e-6;

/** Scaled down to whole pixels, so that no side is longer and the shorter one is at most `shorter`. */
function fit({ width, height }: ImageSize, longer: number, shorter = longer): ImageSize {
  const scale = Math.min(1, longer / Math.max(width, height), shorter / Math.min(width, height));
  const scaled = (pixels: number) => Math.max(1, Math.ceil(pixels * scale - ROUNDING_ERROR));
  return { width: scaled(width), height: scaled(height) };
}

const tilesOf = ({ width, height }: ImageSize, side: number) =>
  Math.ceil(width / side) * Math.ceil(height / side);

/** Into 2048 by 2048, the shorter side to 768, in tiles of 512. */
const openAiTiles = (base: number, perTile: number): ImageFormula => ({
  tokensOf: (size) => base + perTile * tilesOf(fit(size, 2048, 768), 512),
  most: base + perTile * 8,
  low: base,
});

/** Patches of 32 by 32 pixels, scaled down to the model's number of patches. */
const openAiPatches = (factor: number, patches = 1536): ImageFormula => ({
  tokensOf: (size) => Math.ceil(factor * Math.min(patches, tilesOf(size, 32))),
  most: Math.ceil(factor * patches),
});

/** https://developers.openai.com/api/docs/guides/images-vision#calculating-costs */
const OPENAI_IMAGES: readonly [RegExp, ImageFormula][] = [
  [/^gpt-5\.[4-9]/, openAiPatches(1.62, 10_000)],
  [/^gpt-(4\.1|5)-mini/, openAiPatches(1.62)],
  [/^gpt-(4\.1|5)-nano/, openAiPatches(2.46)],
  [/^o4-mini/, openAiPatches(1.72)],
  [/^gpt-4o-mini/, openAiTiles(2833, 5667)],
  [/^gpt-5/, openAiTiles(70, 140)],
  [/^o[13]/, openAiTiles(75, 150)],
];

/** Of other vendors with OpenAI's format. https://docs.x.ai/docs/guides/image-understanding: up to 6 tiles and one more */
const XAI_IMAGES: ImageFormula = {
  tokensOf: (size) => 256 * (Math.min(6, tilesOf(size, 448)) + 1),
  most: 256 * 7,
};

/** https://docs.mistral.ai/capabilities/vision: patches of 28 pixels of a side of 1540, and one for each row */
const MISTRAL_IMAGES: ImageFormula = {
  tokensOf: (size) => {
    const { width, height } = fit(size, 1540);
    return (Math.ceil(width / 28) + 1) * Math.ceil(height / 28);
  },
  most: 56 * 55,
};

export function openAiImages(provider: string, model: string): ImageFormula {
  if (provider === 'xai') return XAI_IMAGES;
  if (provider === 'mistral') return MISTRAL_IMAGES;
  return OPENAI_IMAGES.find(([name]) => name.test(model))?.[1] ?? openAiTiles(85, 170);
}

/** Patches of 28 pixels, scaled down to a side and a number of patches. */
const claudePatches = (side: number, patches: number): ImageFormula => ({
  tokensOf: (size) => Math.min(patches, tilesOf(fit(size, side), 28)),
  most: patches,
});

/** https://platform.claude.com/docs/en/build-with-claude/vision: models since Claude 5 accept larger images */
export const anthropicImages = (model: string): ImageFormula =>
  /-5(-5)?(-\d{8})?$/.test(model) && !/-4-5/.test(model)
    ? claudePatches(2576, 4784)
    : claudePatches(1568, 1568);

/**
 * https://ai.google.dev/gemini-api/docs/image-understanding: 258 tokens up to 384 pixels a side; larger images are cut in
 * tiles of two thirds of the shorter side, of 256 to 768 pixels.
 */
export const GEMINI_IMAGES: ImageFormula = {
  tokensOf(size) {
    if (Math.max(size.width, size.height) <= 384) return 258;
    const { width, height } = fit(size, 3072);
    const side = Math.min(768, Math.max(256, Math.floor(Math.min(width, height) / 1.5)));
    return 258 * tilesOf({ width, height }, side);
  },
  most: 258 * 24,
};
