import type { ResponseTranslator } from './response-translator.ts';

/** Translates a response that is one JSON document, when it is complete. Anything else is passed on as it is. */
export function documentTranslator(
  write: (document: object) => object | Promise<object>,
  contentType?: string,
): ResponseTranslator {
  const chunks: Buffer[] = [];
  return {
    ...(contentType !== undefined && { contentType }),
    push(bytes) {
      chunks.push(Buffer.from(bytes));
      return '';
    },
    async end() {
      const text = Buffer.concat(chunks).toString('utf8');
      const document = parseObject(text);
      return document === undefined ? text : JSON.stringify(await write(document));
    },
  };
}

/** A JSON object; undefined for anything else. */
export function parseObject(text: string): object | undefined {
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
