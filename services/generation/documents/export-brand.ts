/** The brand of an account at the top of exported documents. */
import { Header, ImageRun, Paragraph, TextRun } from 'docx';
import sharp from 'sharp';
import { logoImage } from '#libs/contracts/brand-logo.ts';
import type { Brand } from '#libs/contracts/branding.ts';

const LOGO_HEIGHT = 40;
const MAX_LOGO_WIDTH = 200;
/** Sharper than it is shown, for print. */
const DENSITY = 3;
const MAX_PIXELS = 25_000_000;

/** HTML before the text. @param escapeHtml for texts and attributes. */
export function htmlHeader(brand: Brand | null, escapeHtml: (text: string) => string): string {
  if (brand === null) return '';
  const { productName, logoUrl, primaryColour } = brand;
  const name = escapeHtml(productName);
  const logo =
    logoUrl === null ? '' : `<img src="${escapeHtml(logoUrl)}" alt="" style="max-height:${LOGO_HEIGHT}px">`;
  return `<header style="display:flex;align-items:center;justify-content:space-between;gap:16px;margin:0 0 24px;padding:0 0 12px;border-bottom:3px solid ${primaryColour};font:600 18px system-ui,sans-serif">${logo}<span>${name}</span></header>\n`;
}

/** The header of every page. A logo that is only an address is not fetched. */
export async function docxHeader({ productName, logoUrl, primaryColour }: Brand): Promise<Header> {
  const image = logoUrl === null ? undefined : await readLogo(logoUrl);
  const color = primaryColour.slice(1);
  return new Header({
    children: [
      new Paragraph({
        border: { bottom: { style: 'single', size: 12, space: 6, color } },
        spacing: { after: 240 },
        children: [
          ...(image ? [image] : []),
          new TextRun({ text: `${image ? '  ' : ''}${productName}`, bold: true }),
        ],
      }),
    ],
  });
}

/** Of an uploaded image, as PNG; undefined for any other, and for one that is damaged. */
async function readLogo(url: string): Promise<ImageRun | undefined> {
  const uploaded = logoImage(url);
  if (uploaded === undefined) return undefined;
  try {
    const { data, info } = await sharp(uploaded.bytes, { limitInputPixels: MAX_PIXELS })
      .resize({ width: MAX_LOGO_WIDTH * DENSITY, height: LOGO_HEIGHT * DENSITY, fit: 'inside' })
      .png()
      .toBuffer({ resolveWithObject: true });
    const transformation = { width: info.width / DENSITY, height: info.height / DENSITY };
    return new ImageRun({ type: 'png', data, transformation });
  } catch {
    return undefined;
  }
}
