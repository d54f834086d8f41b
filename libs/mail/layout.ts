/** The frame of HTML mails: styles in place, a width that fits telephones, and dark colours for readers who prefer them. */
import { logoImage } from '#libs/contracts/brand-logo.ts';
import type { Brand } from '#libs/contracts/branding.ts';

const FONT = "16px/1.5 -apple-system,'Segoe UI',Roboto,Arial,sans-serif";

/** Styles in place come first, so these are marked as important. */
const DARK = `:root{color-scheme:light dark}
@media (prefers-color-scheme:dark){
.page{background:#17191d!important;color:#ececea!important}
.card{background:#24272d!important}
.muted{color:#b3b7bf!important}
.link{color:#9cc4f5!important}
.track{background:#3a3f48!important}
}`;

/** The logo of a brand in a mail, if it is part of the mail. Mail programs show no images from `data:` URLs. */
export const LOGO_ID = 'brand-logo';

/**
 * @param content HTML, escaped.
 * @param options.colour of the line above the content. @param options.footer HTML below it.
 * @param options.brand shown above and below the content; null for none.
 */
export function mailPage(
  content: string,
  { colour, footer = '', brand }: { colour: string; footer?: string; brand: Brand | null },
): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark"><style>${DARK}</style></head><body class="page" style="margin:0;background:#f4f4f2;font:${FONT};color:#1b1b1b;overflow-wrap:anywhere">
<div style="max-width:560px;margin:0 auto;padding:24px 16px">${brand === null ? '' : brandHeader(brand)}
<div class="card" style="background:#ffffff;border-top:4px solid ${colour};border-radius:6px;padding:24px 24px 12px">
${content}
</div>
<div style="padding:12px 0">${footer}${brand === null ? '' : note(brandLine(brand))}</div>
</div></body></html>`;
}

function brandHeader({ productName, logoUrl }: Brand): string {
  const name = escapeHtml(productName);
  const style = 'font-size:20px;font-weight:700';
  if (logoUrl === null) return `\n<div style="padding:0 0 16px;${style}">${name}</div>`;
  const source = logoImage(logoUrl) === undefined ? logoUrl : `cid:${LOGO_ID}`;
  return `\n<div style="padding:0 0 16px"><img src="${escapeHtml(source)}" alt="${name}" style="display:block;max-height:48px;max-width:240px;border:0;${style}"></div>`;
}

function brandLine({ productName, websiteUrl, supportEmail }: Brand): string {
  return [
    escapeHtml(productName),
    ...(websiteUrl === null ? [] : [link(websiteUrl)]),
    ...(supportEmail === null ? [] : [link(`mailto:${supportEmail}`, supportEmail)]),
  ].join(' · ');
}

/** The lines below the text of a mail. */
export function brandText(brand: Brand | null): string[] {
  if (brand === null) return [];
  const { productName, websiteUrl, supportEmail } = brand;
  return [[productName, websiteUrl, supportEmail].filter((part) => part !== null).join('\n')];
}

export const heading = (html: string): string =>
  `<h1 style="margin:0 0 12px;font-size:20px;line-height:1.3">${html}</h1>`;

export const paragraph = (html: string): string => `<p style="margin:0 0 12px">${html}</p>`;

export const advice = (html: string): string =>
  `<p class="muted" style="margin:0 0 12px;color:#4a4a4a">${html}</p>`;

export const note = (html: string): string =>
  `<p class="muted" style="margin:0 0 12px;color:#5f5f5f;font-size:13px">${html}</p>`;

export const link = (url: string, label = url): string =>
  `<a class="link" style="color:#1d5fa8" href="${escapeHtml(url)}">${escapeHtml(label)}</a>`;

/** A short word on a colour with enough contrast to white. */
export const badge = (text: string, colour: string): string =>
  `<p style="margin:0 0 10px"><span style="display:inline-block;padding:1px 10px;border-radius:12px;background:${colour};color:#ffffff;font-size:13px;font-weight:600">${escapeHtml(text)}</span></p>`;

/** A bar that is full at 100 percent. */
export function bar(percentage: number, colour: string): string {
  const width = Math.min(100, Math.max(0, Math.round(percentage)));
  return `<div class="track" role="img" aria-label="${width} % used" style="margin:0 0 16px;height:8px;border-radius:4px;background:#e3e3e0"><div style="width:${width}%;height:8px;border-radius:4px;background:${colour}"></div></div>`;
}

/** A button that opens a page, in a colour with enough contrast to white. */
export function button(label: string, url: string, colour: string): string {
  const style = `display:inline-block;padding:10px 18px;border-radius:6px;background:${colour};color:#ffffff;font-weight:600;text-decoration:none`;
  return `<p style="margin:16px 0"><a style="${style}" href="${escapeHtml(url)}">${escapeHtml(label)}</a></p>`;
}

export function listOf(title: string, entries: readonly string[]): string {
  const items = entries.map((entry) => `<li>${escapeHtml(entry)}</li>`).join('');
  return `<p style="margin:16px 0 4px;font-weight:600">${title}</p><ul style="margin:0 0 12px;padding-left:20px">${items}</ul>`;
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
