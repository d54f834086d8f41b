/** Large texts that rarely change: compressed once, and not sent again to a reader that has them. */
import { hash } from 'node:crypto';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** Close to the size of the best quality, in a tenth of its time. */
const BROTLI_QUALITY = 6;
/** As HTTP names them, the smallest first. */
const ENCODINGS = ['br', 'gzip'] as const;

export type EncodedText = Record<(typeof ENCODINGS)[number] | 'identity', Buffer> & { etag: string };

/** Compresses a text in the thread pool. */
export async function encodeText(text: string): Promise<EncodedText> {
  const identity = Buffer.from(text);
  const params = { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY };
  const [br, zipped] = await Promise.all([
    promisify(brotliCompress)(identity, { params }),
    promisify(gzip)(identity),
  ]);
  // Weak: the encodings of one text have the same tag.
  return { identity, br, gzip: zipped, etag: `W/"${hash('sha256', identity, 'base64url')}"` };
}

/** Sets the headers of a text. @returns its bytes in an encoding that the client accepts; null with status 304. */
export function negotiate(request: FastifyRequest, reply: FastifyReply, text: EncodedText): Buffer | null {
  const vary = reply.getHeader('vary');
  reply.header('vary', vary === undefined ? 'Accept-Encoding' : `${vary}, Accept-Encoding`);
  reply.header('etag', text.etag);
  if (request.headers['if-none-match']?.includes(text.etag)) {
    reply.code(304);
    return null;
  }
  const accepted = acceptedEncodings(request.headers['accept-encoding']);
  const encoding = ENCODINGS.find((one) => accepted.has(one));
  if (encoding === undefined) return text.identity;
  reply.header('content-encoding', encoding);
  return text[encoding];
}

/** `br;q=1, gzip;q=0` accepts brotli alone. */
function acceptedEncodings(header = ''): ReadonlySet<string> {
  const offers = header.toLowerCase().split(',');
  return new Set(
    offers
      .filter((offer) => !/;\s*q=0(?:\.0*)?\s*$/.test(offer))
      .map((offer) => offer.replace(/;.*$/, '').trim()),
  );
}
