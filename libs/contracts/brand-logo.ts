/** Logos as `data:` URLs. SVG is refused: it can run scripts. */

export const MAX_LOGO_BYTES = 256 * 1024;

const DATA_URL = /^data:(image\/(?:png|jpeg|webp));base64,([A-Za-z0-9+/]+={0,2})$/;

/** How a file of each type begins; `null` is any byte. */
const SIGNATURES: Readonly<Record<string, readonly (number | null)[]>> = {
  'image/png': [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a],
  'image/jpeg': [0xff, 0xd8, 0xff],
  'image/webp': [0x52, 0x49, 0x46, 0x46, null, null, null, null, 0x57, 0x45, 0x42, 0x50],
};

export type LogoImage = { contentType: string; bytes: Buffer };

/** The image of a `data:` URL; undefined for any other address, and for what is not the image that it says. */
export function logoImage(url: string): LogoImage | undefined {
  const [, contentType = '', base64 = ''] = DATA_URL.exec(url) ?? [];
  const signature = SIGNATURES[contentType];
  if (signature === undefined) return undefined;
  const bytes = Buffer.from(base64, 'base64');
  const isImage = signature.every((byte, index) => byte === null || bytes[index] === byte);
  return isImage && bytes.length <= MAX_LOGO_BYTES ? { contentType, bytes } : undefined;
}
