/** Parses one file in a thread of its own, which can be ended. Parsers of PDF and DOCX may run or allocate without end. */
import { parentPort, workerData } from 'node:worker_threads';
import mammoth from 'mammoth';
import { extractText, getDocumentProxy, getMeta } from 'unpdf';
import { htmlText } from './domain/html-text.ts';

export type ParserInput = { format: 'pdf' | 'docx'; bytes: Uint8Array };
export type ParserOutput = { text: string; title: string | null } | { error: string };

const { format, bytes } = workerData as ParserInput;

async function parsePdf(): Promise<ParserOutput> {
  const document = await getDocumentProxy(bytes);
  const { text } = await extractText(document, { mergePages: false });
  const { info } = await getMeta(document);
  const title = typeof info.Title === 'string' ? info.Title.trim() : '';
  return { text: text.join('\n\f'), title: title === '' ? null : title };
}

async function parseDocx(): Promise<ParserOutput> {
  const withoutImages = mammoth.images.imgElement(async () => ({ src: '' }));
  const { value } = await mammoth.convertToHtml(
    { buffer: Buffer.from(bytes) },
    { convertImage: withoutImages, externalFileAccess: false },
  );
  const { text } = htmlText(value);
  return { text, title: /^# (.+)$/m.exec(text)?.[1] ?? null };
}

try {
  parentPort?.postMessage(await (format === 'pdf' ? parsePdf() : parseDocx()));
} catch (error) {
  parentPort?.postMessage({
    error: error instanceof Error ? error.message : 'unknown',
  } satisfies ParserOutput);
}
