/** WAV recordings. @see https://www.mmsp.ece.mcgill.ca/Documents/AudioFormats/WAVE/WAVE.html */

const RIFF_HEADER_BYTES = 12;
const CHUNK_HEADER_BYTES = 8;
const PCM = [0x0001, 0x0003];
/** Logarithmic samples of 8 bits: A-law and µ-law. */
const LOGARITHMIC = [0x0006, 0x0007];
const EXTENSIBLE = 0xfffe;
const OPEN_SIZES = [0, 0xffffffff];

/** The seconds of a WAV, by the bytes of its samples. Null if its samples are compressed. */
export function wavSeconds(wav: Buffer): number | null {
  let bytesPerSecond = 0;
  let soundBytes = 0;
  for (let at = RIFF_HEADER_BYTES; at + CHUNK_HEADER_BYTES <= wav.length; ) {
    const name = wav.toString('latin1', at, at + 4);
    const size = wav.readUInt32LE(at + 4);
    const start = at + CHUNK_HEADER_BYTES;
    const left = wav.length - start;
    if (name === 'fmt ') bytesPerSecond = bytesPerSecondOf(wav.subarray(start, start + size));
    if (name === 'data') {
      const isWhole = !OPEN_SIZES.includes(size) && size <= left;
      soundBytes += isWhole ? size : left;
      if (!isWhole) break;
    } else if (size > left) {
      // What follows the samples is no chunk, so players may take it for more samples.
      if (soundBytes > 0) soundBytes += wav.length - at;
      break;
    }
    at = start + size + (size & 1);
  }
  return bytesPerSecond > 0 ? soundBytes / bytesPerSecond : null;
}

/** 0 for compressed samples. The rate of bytes that the header states is not read: players ignore it. */
function bytesPerSecondOf(format: Buffer): number {
  if (format.length < 16) return 0;
  const tag = format.readUInt16LE(0);
  const kind = tag === EXTENSIBLE && format.length >= 26 ? format.readUInt16LE(24) : tag;
  const samplesPerSecond = format.readUInt16LE(2) * format.readUInt32LE(4);
  if (LOGARITHMIC.includes(kind)) return samplesPerSecond;
  return PCM.includes(kind) ? (samplesPerSecond * format.readUInt16LE(14)) / 8 : 0;
}
