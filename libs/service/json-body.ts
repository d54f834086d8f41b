import type { FastifyInstance } from 'fastify';
import { problem } from '#libs/problems/problems.ts';

/** Deeper than any request of our clients; a body of brackets alone would cost seconds to validate. */
const MAX_DEPTH = 64;
/** Objects and arrays of one body: 2,000 messages with several parts each fit. */
const MAX_CONTAINERS = 20_000;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPENING = new Set([0x5b, 0x7b]);
const CLOSING = new Set([0x5d, 0x7d]);

/** Escapes in which NUL and unpaired surrogates hide: PostgreSQL stores neither. */
const SUSPICIOUS_ESCAPE = /\\u(?:0000|d[89a-f])/i;
/** A percent-encoded NUL; decoding refuses every encoding of a surrogate. */
const NUL_IN_URL = /%00/;

/** A JSON parser that accepts an empty body, which clients send with POST and DELETE, and can keep the raw bytes. */
export function addJsonParser(app: FastifyInstance, keepRawBody: boolean): void {
  const parseJson = app.getDefaultJsonParser('error', 'error');
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    const bytes = body as Buffer;
    if (bytes.length === 0) return done(null, undefined);
    if (keepRawBody) request.rawBody = bytes;
    if (!hasPlainShape(bytes)) {
      return done(
        problem('invalid_request', {
          detail: `The body must nest at most ${MAX_DEPTH} levels and contain at most ${MAX_CONTAINERS} objects and arrays.`,
        }),
      );
    }
    const text = bytes.toString('utf8');
    const isSuspicious = SUSPICIOUS_ESCAPE.test(text);
    void parseJson(request, text, (error, value) => {
      const pointer = error === null && isSuspicious ? findUnstorable(value) : null;
      if (pointer !== null) return done(unstorable('body', pointer));
      done(error, value);
    });
  });
}

/** Refuses NUL and unpaired surrogates in URLs and text bodies; the JSON parser refuses them in JSON. */
export function refuseUnstorableText(app: FastifyInstance): void {
  app.addHook('onRequest', (request, _reply, done) => {
    if (!NUL_IN_URL.test(request.raw.url ?? '')) return done();
    const pointer = findUnstorable(request.query);
    done(pointer === null ? unstorable('URL') : unstorable('query', pointer));
  });
  app.addHook('preValidation', (request, _reply, done) => {
    const isText = typeof request.body === 'string';
    done(isText && findUnstorable(request.body) !== null ? unstorable('body') : undefined);
  });
}

/** @param pointer JSON pointer into the part; empty for the whole. */
function unstorable(part: 'body' | 'query' | 'URL', pointer = '') {
  const param = pointer.slice(1).replaceAll('/', '.');
  const detail = 'contains a NUL character or an unpaired surrogate, which is not valid text.';
  if (param === '') return problem('invalid_request', { detail: `The ${part} ${detail}` });
  return problem('invalid_request', {
    detail: `${param} ${detail}`,
    fields: { param, errors: [{ in: part, pointer, detail }] },
  });
}

/** Bounds the cost of parsing and validating, before either starts. Malformed JSON is left to the parser. */
function hasPlainShape(bytes: Buffer): boolean {
  let depth = 0;
  let containers = 0;
  for (let index = 0; index < bytes.length; index += 1) {
    const byte = bytes[index] as number;
    if (byte === QUOTE) {
      index = endOfString(bytes, index);
    } else if (OPENING.has(byte)) {
      depth += 1;
      containers += 1;
      if (depth > MAX_DEPTH || containers > MAX_CONTAINERS) return false;
    } else if (CLOSING.has(byte)) {
      depth -= 1;
    }
  }
  return true;
}

/** The index of the quote that ends the string; strings are skipped at the speed of `indexOf`. */
function endOfString(bytes: Buffer, start: number): number {
  for (let end = bytes.indexOf(QUOTE, start + 1); end !== -1; end = bytes.indexOf(QUOTE, end + 1)) {
    let backslashes = 0;
    while (bytes[end - 1 - backslashes] === BACKSLASH) backslashes += 1;
    if (backslashes % 2 === 0) return end;
  }
  return bytes.length;
}

/** The place of the first text that cannot be stored; null without one. The check of the shape bounds the depth. */
function findUnstorable(value: unknown, pointer = ''): string | null {
  if (typeof value === 'string') return isStorable(value) ? null : pointer;
  if (typeof value !== 'object' || value === null) return null;
  for (const [key, member] of Object.entries(value)) {
    const found = isStorable(key) ? findUnstorable(member, `${pointer}/${key}`) : pointer;
    if (found !== null) return found;
  }
  return null;
}

function isStorable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed();
}
