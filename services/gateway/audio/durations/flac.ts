/** FLAC recordings. @see https://www.rfc-editor.org/rfc/rfc9639 */

const STREAM_INFO_BLOCK = 0;
const SAMPLE_RATES = [
  0, 88_200, 176_400, 192_000, 8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000,
];
/** Rates that are written behind the header's codes. */
const STATED_RATES: ReadonlyMap<number, { bytes: number; unit: number }> = new Map([
  [12, { bytes: 1, unit: 1_000 }],
  [13, { bytes: 2, unit: 1 }],
  [14, { bytes: 2, unit: 10 }],
]);
const HIGHEST_CHANNEL_CODE = 10;

/** The seconds of a FLAC, counted by its frames: their number is not in its header, and the samples there may be wrong. */
export function flacSeconds(flac: Buffer): number | null {
  const { rate: streamRate, framesAt } = readStreamInfo(flac);
  if (streamRate === 0) return null;
  let samples = 0;
  for (let at = flac.indexOf(0xff, framesAt); at >= 0; ) {
    const frame = frameAt(flac, at);
    if (frame !== undefined) samples += frame.samples * (frame.rate === 0 ? 1 : streamRate / frame.rate);
    at = flac.indexOf(0xff, at + (frame?.headerBytes ?? 1));
  }
  return samples / streamRate;
}

function readStreamInfo(flac: Buffer): { rate: number; framesAt: number } {
  let rate = 0;
  let at = flac.indexOf('fLaC') + 4;
  for (let isLast = false; !isLast && at + 4 <= flac.length; ) {
    const type = flac.readUInt8(at);
    const size = flac.readUIntBE(at + 1, 3);
    isLast = (type & 0x80) !== 0;
    at += 4;
    if ((type & 0x7f) === STREAM_INFO_BLOCK && at + 13 <= flac.length)
      rate = flac.readUIntBE(at + 10, 3) >> 4;
    at += size;
  }
  return { rate, framesAt: at };
}

type Frame = { samples: number /** 0 for that of the stream. */; rate: number; headerBytes: number };

/** The frame whose header begins here. Its checksum tells it from samples that look like one. */
function frameAt(flac: Buffer, at: number): Frame | undefined {
  if (at + 16 > flac.length || (flac.readUInt8(at + 1) & 0xfe) !== 0xf8) return undefined;
  const sizes = flac.readUInt8(at + 2);
  const channels = flac.readUInt8(at + 3);
  const sizeCode = sizes >> 4;
  const rateCode = sizes & 15;
  if (sizeCode === 0 || rateCode === 15 || channels >> 4 > HIGHEST_CHANNEL_CODE || (channels & 1) !== 0)
    return undefined;
  const numberBytes = codedNumberBytes(flac.readUInt8(at + 4));
  if (numberBytes === 0) return undefined;
  let end = at + 4 + numberBytes;
  const sizeBytes = sizeCode === 6 ? 1 : sizeCode === 7 ? 2 : 0;
  const samples = sizeBytes > 0 ? flac.readUIntBE(end, sizeBytes) + 1 : samplesOfCode(sizeCode);
  end += sizeBytes;
  const stated = STATED_RATES.get(rateCode);
  const rate = stated ? flac.readUIntBE(end, stated.bytes) * stated.unit : (SAMPLE_RATES[rateCode] ?? 0);
  end += stated?.bytes ?? 0;
  return crc8(flac, at, end) === flac.readUInt8(end)
    ? { samples, rate, headerBytes: end + 1 - at }
    : undefined;
}

function samplesOfCode(code: number): number {
  if (code === 1) return 192;
  return code < 6 ? 576 << (code - 2) : 256 << (code - 8);
}

/** As in UTF-8, of up to seven bytes; 0 for what cannot begin a number. */
function codedNumberBytes(first: number): number {
  const ones = Math.clz32(~(first << 24));
  if (ones === 0) return 1;
  return ones === 1 || ones === 8 ? 0 : ones;
}

function crc8(bytes: Buffer, start: number, end: number): number {
  let crc = 0;
  for (let at = start; at < end; at += 1) {
    crc ^= bytes.readUInt8(at);
    for (let bit = 0; bit < 8; bit += 1) crc = ((crc << 1) ^ (crc & 0x80 ? 0x07 : 0)) & 0xff;
  }
  return crc;
}
