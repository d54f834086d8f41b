import type { BrandingView } from '#libs/contracts/branding.ts';
import type { brandings } from '#libs/db/schema/gateway.ts';
import { problem } from '#libs/problems/problems.ts';

export type BrandingRow = typeof brandings.$inferSelect;

/** Of normal text: https://www.w3.org/TR/WCAG22/#contrast-minimum */
const MIN_CONTRAST = 4.5;

/** @throws ProblemError `semantic_error` for a colour on which white text is hard to read. */
export function checkContrast(colour: string): void {
  const contrast = contrastToWhite(colour);
  if (contrast >= MIN_CONTRAST) return;
  // Rounded down: 4.49 is not 4.5.
  const shown = (Math.floor(contrast * 10) / 10).toFixed(1);
  throw problem('semantic_error', {
    detail: `White text on ${colour} has a contrast of ${shown}; it needs ${MIN_CONTRAST}. Choose a darker colour.`,
    fields: { param: 'primary_colour' },
  });
}

/** The contrast of a colour to white, from 1 to 21. @param colour `#rrggbb`. */
export function contrastToWhite(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) =>
    luminance(Number.parseInt(colour.slice(at, at + 2), 16)),
  );
  return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05);
}

/** Of one channel of sRGB. */
function luminance(channel: number): number {
  const share = channel / 255;
  return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
}

export const presentBranding = (row: BrandingRow): BrandingView => ({
  product_name: row.productName,
  logo_url: row.logoUrl,
  primary_colour: row.primaryColour,
  support_email: row.supportEmail,
  website_url: row.websiteUrl,
  updated_at: row.updatedAt.toISOString(),
});
