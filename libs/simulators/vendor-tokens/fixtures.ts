/** The data URL of a PNG with this size in its header, and no picture. */
export function pngOfSize(width: number, height: number): string {
  const header = Buffer.alloc(33);
  header.set([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  header.writeUInt32BE(13, 8);
  header.write('IHDR', 12, 'latin1');
  header.writeUInt32BE(width, 16);
  header.writeUInt32BE(height, 20);
  header.set([8, 2], 24);
  return `data:image/png;base64,${header.toString('base64')}`;
}

/** The base64 of a PDF document with the objects of so many pages, and no text. */
export function pdfOfPages(pages: number): string {
  const objects = Array.from({ length: pages }, (_, page) => `${page + 2} 0 obj << /Type /Page >> endobj\n`);
  return Buffer.from(`%PDF-1.4\n1 0 obj << /Type /Pages >> endobj\n${objects.join('')}%%EOF`).toString(
    'base64',
  );
}

/** The base64 of silence as WAV: 16 kHz, 16 bits, one channel, unless given. */
export function wavOfSeconds(seconds: number, { rate = 16_000, bits = 16, format = 1 } = {}): string {
  const bytesPerSecond = (rate * bits) / 8;
  const header = Buffer.alloc(44);
  header.write('RIFF', 0, 'latin1');
  header.write('WAVEfmt ', 8, 'latin1');
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(format, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(rate, 24);
  header.writeUInt32LE(bytesPerSecond, 28);
  header.writeUInt16LE(bits / 8, 32);
  header.writeUInt16LE(bits, 34);
  header.write('data', 36, 'latin1');
  return Buffer.concat([header, Buffer.alloc(Math.round(seconds * bytesPerSecond))]).toString('base64');
}

/** The base64 of so many bytes that begin as MP3, after an ID3 tag if it has bytes. */
export function mp3OfBytes(bytes: number, { tagBytes = 0, bitrate = 9 } = {}): string {
  const tag = tagBytes === 0 ? [] : [0x49, 0x44, 0x33, 4, 0, 0, 0, 0, tagBytes >> 7, tagBytes & 0x7f];
  const frames = Buffer.alloc(bytes);
  frames.set([0xff, 0xfb, bitrate << 4]);
  return Buffer.concat([Buffer.from(tag), Buffer.alloc(tagBytes), frames]).toString('base64');
}
