/** The frame of HTML mails: plain styles in place, and a width that fits telephones. */

const FONT = "16px/1.5 -apple-system,'Segoe UI',Roboto,Arial,sans-serif";

/**
 * @param content HTML, escaped.
 * @param options.colour of the line above the content. @param options.footer HTML below it.
 */
export function mailPage(
  content: string,
  { colour, footer = '' }: { colour: string; footer?: string },
): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"></head><body style="margin:0;background:#f4f4f2;font:${FONT};color:#1b1b1b;overflow-wrap:anywhere">
<div style="max-width:560px;margin:0 auto;padding:24px">
<div style="background:#ffffff;border-top:4px solid ${colour};border-radius:6px;padding:24px">
${content}
</div>
<div style="padding:12px 0">${footer}</div>
</div></body></html>`;
}

export const heading = (html: string): string =>
  `<h1 style="margin:0 0 12px;font-size:20px;line-height:1.3">${html}</h1>`;

export const link = (url: string): string => `<a href="${escapeHtml(url)}">${escapeHtml(url)}</a>`;

/** A button that opens a page, in a colour with enough contrast to white. */
export function button(label: string, url: string, colour: string): string {
  const style = `display:inline-block;padding:10px 18px;border-radius:6px;background:${colour};color:#ffffff;font-weight:600;text-decoration:none`;
  return `<p style="margin:16px 0"><a style="${style}" href="${escapeHtml(url)}">${escapeHtml(label)}</a></p>`;
}

export const note = (html: string): string =>
  `<p style="margin:0 0 12px;color:#6b6b6b;font-size:13px">${html}</p>`;

export const paragraph = (html: string): string => `<p style="margin:0 0 12px">${html}</p>`;

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
