/** Documents as files. */
import { Marked } from 'marked';
import type { Brand } from '#libs/contracts/branding.ts';
import type { ExportFormat } from '#libs/contracts/documents.ts';
import { toDocx } from './docx.ts';
import type { EmbeddedImages } from './embedded-images.ts';
import { htmlHeader } from './export-brand.ts';
import { isSafeLink } from './links.ts';

export type ExportedFile = {
  readonly contentType: string;
  readonly extension: string;
  readonly body: Buffer;
};

export type ExportInput = {
  readonly title: string;
  readonly language: string | null;
  readonly markdown: string;
  /** The document as `GET /api/documents/{id}` shows it. */
  readonly json: object;
  readonly images: EmbeddedImages;
  /** Shown at the top of HTML and DOCX; null for none. */
  readonly brand: Brand | null;
};

export async function exportAs(format: ExportFormat, input: ExportInput): Promise<ExportedFile> {
  switch (format) {
    case 'markdown':
      return file('text/markdown; charset=utf-8', 'md', `${input.markdown}\n`);
    case 'html':
      return file('text/html; charset=utf-8', 'html', toHtml(input));
    case 'json':
      return file('application/json; charset=utf-8', 'json', JSON.stringify(input.json, null, 2));
    case 'docx': {
      const body = await toDocx(input);
      return { contentType: DOCX_TYPE, extension: 'docx', body };
    }
  }
}

const DOCX_TYPE = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document';

function file(contentType: string, extension: string, text: string): ExportedFile {
  return { contentType, extension, body: Buffer.from(text) };
}

/** HTML in the text is shown as text, and links have only harmless schemes: a model or a source may have written both. */
function createMarked(images: EmbeddedImages): Marked {
  return new Marked({
    gfm: true,
    async: false,
    renderer: {
      html: ({ text }) => escapeHtml(text),
      link({ href, tokens }) {
        const text = this.parser.parseInline(tokens);
        return isSafeLink(href) ? `<a href="${escapeHtml(href)}" rel="noopener nofollow">${text}</a>` : text;
      },
      image({ href, text }) {
        const image = images.get(href);
        const alt = escapeHtml(text);
        if (image !== undefined)
          return `<img src="data:image/${image.format === 'jpg' ? 'jpeg' : 'png'};base64,${image.bytes.toString('base64')}" alt="${alt}">`;
        return isSafeLink(href) ? `<img src="${escapeHtml(href)}" alt="${alt}">` : alt;
      },
    },
  });
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

function toHtml({ title, language, markdown, images, brand }: ExportInput): string {
  const lang = /^[a-z]{2,3}$/.test(language ?? '') && language !== 'und' ? ` lang="${language}"` : '';
  const body = createMarked(images).parse(markdown) as string;
  return `<!doctype html>\n<html${lang}>\n<head>\n<meta charset="utf-8">\n<title>${escapeHtml(title)}</title>\n</head>\n<body>\n${htmlHeader(brand, escapeHtml)}${body}</body>\n</html>\n`;
}
