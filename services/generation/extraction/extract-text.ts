import { fileTypeFromBuffer } from 'file-type';
import { type PublicHttp, PublicHttpError, type PublicHttpResponse } from '#libs/http/public-http.ts';
import { problem } from '#libs/problems/problems.ts';
import {
  checkText,
  decodeText,
  type ExtractedText,
  type TextExtractor,
  unreadable,
} from './domain/extracted-text.ts';
import { htmlText } from './domain/html-text.ts';
import { isZipBomb } from './domain/zip-bomb.ts';
import { parseFile } from './parse-file.ts';

const PDF = 'application/pdf';
const DOCX = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document';
const HTML = 'text/html';
const LOOKS_LIKE_HTML = /^\s*(<!doctype html|<html|<head|<body)/i;
const TEXT_TYPE = /^(text\/[a-z0-9.+-]+|application\/(json|xml|yaml))$/;

const MAX_PAGE_BYTES = 10 * 1024 * 1024;
const PAGE_TIMEOUT_MS = 20_000;
const MAX_REDIRECTS = 5;
const PAGE_HEADERS = {
  accept: 'text/html, text/markdown, text/plain, application/pdf;q=0.9, */*;q=0.1',
  'user-agent': 'Inkmeter/1.0 (+knowledge base)',
};

export function createTextExtractor(http: Pick<PublicHttp, 'request'>): TextExtractor {
  return {
    fromBytes: extract,
    async fromUrl(url, signal) {
      const response = await fetchPage(http, url, signal);
      const [declared, charset] = typeOf(response);
      return { ...(await extract(response.body, declared, charset)), url: response.url };
    },
  };
}

async function extract(bytes: Buffer, declared = 'text/plain', charset?: string): Promise<ExtractedText> {
  const detected = (await fileTypeFromBuffer(bytes))?.mime;
  const sizeBytes = bytes.length;
  if (detected === PDF) return parsed(await parseFile('pdf', bytes), PDF, sizeBytes);
  if (detected === DOCX) {
    if (isZipBomb(bytes)) throw unreadable('The file is damaged, or too large when unpacked.');
    return parsed(await parseFile('docx', bytes), DOCX, sizeBytes);
  }
  // XML is text, in which HTML and Markdown may be.
  if (detected !== undefined && detected !== 'application/xml') {
    throw problem('unsupported_media_type', { detail: `Files of the type ${detected} are not read.` });
  }
  const text = decodeText(bytes, charset);
  if (declared === HTML || LOOKS_LIKE_HTML.test(text)) return parsed(htmlText(text), HTML, sizeBytes);
  return parsed({ text, title: null }, TEXT_TYPE.test(declared) ? declared : 'text/plain', sizeBytes);
}

function parsed(
  { text, title }: { text: string; title: string | null },
  mediaType: string,
  sizeBytes: number,
): ExtractedText {
  return { text: checkText(text), title: title?.slice(0, 255) ?? null, mediaType, sizeBytes };
}

/** The declared media type and character set. */
function typeOf({ headers, body }: PublicHttpResponse): [string, string | undefined] {
  const [type = '', ...parameters] = String(headers['content-type'] ?? '')
    .toLowerCase()
    .split(';');
  const charset =
    parameters.map((one) => /^\s*charset="?([\w-]+)/.exec(one)?.[1]).find(Boolean) ??
    /<meta[^>]{0,200}charset="?'?([\w-]+)/i.exec(body.toString('latin1', 0, 2_048))?.[1];
  return [type.trim(), isKnownCharset(charset) ? charset : undefined];
}

function isKnownCharset(charset: string | undefined): boolean {
  try {
    return charset !== undefined && new TextDecoder(charset).encoding !== '';
  } catch {
    return false;
  }
}

async function fetchPage(
  http: Pick<PublicHttp, 'request'>,
  url: string,
  signal?: AbortSignal,
): Promise<PublicHttpResponse> {
  let response: PublicHttpResponse;
  try {
    response = await http.request({
      url,
      headers: PAGE_HEADERS,
      maxRedirects: MAX_REDIRECTS,
      maxBytes: MAX_PAGE_BYTES,
      timeoutMs: PAGE_TIMEOUT_MS,
      ...(signal && { signal }),
    });
  } catch (error) {
    if (!(error instanceof PublicHttpError)) throw error;
    throw problem('semantic_error', { detail: error.message, fields: { param: 'url' }, cause: error });
  }
  if (response.status === 200) return response;
  throw problem('semantic_error', {
    detail: `The server of the page answered ${response.status}.`,
    fields: { param: 'url' },
  });
}
