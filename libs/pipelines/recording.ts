/**
 * Upper bounds of the seconds of a recording, from its bytes. Headers state a duration too, but may be wrong, so only what
 * the format itself guarantees counts.
 */
import type { RecordingFormat } from '#libs/contracts/chat-completions.ts';

/** PCM of one channel, 8 bits and 8,000 samples a second, the lowest rate of speech. */
const LEAST_WAV_BYTES_PER_SECOND = 8_000;
/** The lowest bitrate of Layer III, 8 kbit/s (ISO 13818-3). */
const LEAST_MP3_BYTES_PER_SECOND = 1_000;

/** @returns undefined if it is not a recording of this format whose duration its size bounds. */
export function recordingSeconds(base64: string, format: RecordingFormat): number | undefined {
  const bytes = Buffer.from(base64, 'base64');
  if (format === 'wav') {
    return isPlainWav(bytes) ? Math.ceil(bytes.length / LEAST_WAV_BYTES_PER_SECOND) : undefined;
  }
  return isMp3(bytes) ? Math.ceil(bytes.length / LEAST_MP3_BYTES_PER_SECOND) : undefined;
}

const PCM = 1;
const FLOAT = 3;
/** The form with a channel mask, whose real format follows. */
const EXTENSIBLE = 0xfffe;
const WAV_HEADER_BYTES = 44;

/** Uncompressed samples, at least 8,000 bytes a second. The format must be the first chunk. */
function isPlainWav(bytes: Buffer): boolean {
  if (bytes.length < WAV_HEADER_BYTES) return false;
  if (bytes.toString('latin1', 0, 4) !== 'RIFF' || bytes.toString('latin1', 8, 16) !== 'WAVEfmt ')
    return false;
  const stated = bytes.readUInt16LE(20);
  const format = stated === EXTENSIBLE && bytes.length >= 46 ? bytes.readUInt16LE(44) : stated;
  if (format !== PCM && format !== FLOAT) return false;
  const channels = bytes.readUInt16LE(22);
  const bits = bytes.readUInt16LE(34);
  return bytes.readUInt32LE(24) >= LEAST_WAV_BYTES_PER_SECOND && channels >= 1 && bits >= 8;
}

const ID3_HEADER_BYTES = 10;
const LAYER_III = 0b01;

/** A frame of Layer III with a bitrate, after any ID3 tags. */
function isMp3(bytes: Buffer): boolean {
  let at = 0;
  while (bytes.length >= at + ID3_HEADER_BYTES && bytes.toString('latin1', at, at + 3) === 'ID3') {
    at += ID3_HEADER_BYTES + synchsafe(bytes, at + 6);
  }
  if (bytes.length < at + 4) return false;
  const [first = 0, second = 0, third = 0] = bytes.subarray(at, at + 3);
  const bitrate = third >> 4;
  return (
    first === 0xff &&
    (second & 0xe0) === 0xe0 &&
    ((second >> 1) & 0b11) === LAYER_III &&
    bitrate !== 0 &&
    bitrate !== 0b1111
  );
}

/** A number of four bytes of seven bits each. */
function synchsafe(bytes: Buffer, at: number): number {
  return bytes.subarray(at, at + 4).reduce((size, byte) => (size << 7) | (byte & 0x7f), 0);
}
