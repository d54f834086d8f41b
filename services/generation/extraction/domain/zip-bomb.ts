/** DOCX files are ZIP archives of XML, which compresses to a thousandth: their size says little about the memory they need. */
import { inflateRawSync } from 'node:zlib';

const LARGEST_XML_BYTES = 64 * 1024 * 1024;
const CENTRAL_ENTRY = Buffer.from('PK\u0001\u0002');
const LOCAL_HEADER_LENGTH = 30;
const CENTRAL_HEADER_LENGTH = 46;
const DEFLATED = 8;

/** Whether the XML of an archive has more than 64 MiB, or cannot be read. Entries are inflated: their headers may lie. */
export function isZipBomb(archive: Buffer): boolean {
  let left = LARGEST_XML_BYTES;
  try {
    for (let at = archive.indexOf(CENTRAL_ENTRY); at >= 0; at = archive.indexOf(CENTRAL_ENTRY, at)) {
      const nameLength = archive.readUInt16LE(at + 28);
      const name = archive.toString(
        'utf8',
        at + CENTRAL_HEADER_LENGTH,
        at + CENTRAL_HEADER_LENGTH + nameLength,
      );
      if (/\.(xml|rels)$/i.test(name)) {
        left -= sizeOf(archive, at, left);
        if (left < 0) return true;
      }
      at += CENTRAL_HEADER_LENGTH + nameLength;
    }
    return false;
  } catch {
    return true;
  }
}

/** @throws RangeError if the entry is larger than `most`. */
function sizeOf(archive: Buffer, central: number, most: number): number {
  const method = archive.readUInt16LE(central + 10);
  const compressedSize = archive.readUInt32LE(central + 20);
  const header = archive.readUInt32LE(central + 42);
  const start =
    header + LOCAL_HEADER_LENGTH + archive.readUInt16LE(header + 26) + archive.readUInt16LE(header + 28);
  if (method !== DEFLATED) return compressedSize;
  return inflateRawSync(archive.subarray(start, start + compressedSize), { maxOutputLength: most + 1 })
    .length;
}
