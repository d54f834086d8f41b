/** Frames of MP3 recordings. @see http://www.mp3-tech.org/programmer/frame_header.html */

/**
 * MP3 recordings of one encoder as one. Their frames follow each other; tags, and the frames that state the length of a
 * piece, are left out.
 */
export function joinMp3(pieces: readonly Buffer[]): Buffer {
  return Buffer.concat(pieces.map(audioFramesOf));
}

function audioFramesOf(mp3: Buffer): Buffer {
  const frames = mp3.subarray(lengthOfId3v2(mp3), mp3.length - lengthOfId3v1(mp3));
  return frames.subarray(lengthOfInfoFrame(frames));
}

const ID3V2_HEADER_BYTES = 10;
const ID3V1_BYTES = 128;

/** Its size has seven bits in each byte. */
function lengthOfId3v2(mp3: Buffer): number {
  if (mp3.length < ID3V2_HEADER_BYTES || mp3.toString('latin1', 0, 3) !== 'ID3') return 0;
  const size = mp3.subarray(6, ID3V2_HEADER_BYTES).reduce((sum, byte) => (sum << 7) | (byte & 0x7f), 0);
  return ID3V2_HEADER_BYTES + size;
}

function lengthOfId3v1(mp3: Buffer): number {
  const start = mp3.length - ID3V1_BYTES;
  return start >= 0 && mp3.toString('latin1', start, start + 3) === 'TAG' ? ID3V1_BYTES : 0;
}

/** Where encoders mark the frame: behind the side information of any version. */
const MARK_BYTES = 40;
const INFO_MARK = /Xing|Info|VBRI/;

function lengthOfInfoFrame(frames: Buffer): number {
  const isInfo = INFO_MARK.test(frames.toString('latin1', 0, MARK_BYTES));
  return isInfo ? (frameAt(frames, 0)?.bytes ?? 0) : 0;
}

/** The seconds of an MP3, counted by its frames: a header may state a wrong length. 0 for what has no frames. */
export function mp3Seconds(mp3: Buffer): number {
  const frames = audioFramesOf(mp3);
  let seconds = 0;
  for (let at = 0; at < frames.length; ) {
    const frame = frameAt(frames, at);
    seconds += frame?.seconds ?? 0;
    at += frame?.bytes ?? 1;
  }
  return seconds;
}

/** Of layer III, in kilobits a second: version 1, and the versions with half the samples. */
const BIT_RATES = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
const LOW_BIT_RATES = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
const SAMPLE_RATES = [44_100, 48_000, 32_000];

/** Undefined where no frame begins. */
function frameAt(mp3: Buffer, at: number): { bytes: number; seconds: number } | undefined {
  const [sync, version = 0, rates = 0] = mp3.subarray(at, at + 3);
  if (sync !== 0xff || (version & 0xe6) !== 0xe2) return undefined;
  // 3: version 1, 2: version 2, 0: version 2.5
  const versionBits = (version >> 3) & 3;
  const isFirst = versionBits === 3;
  const kilobits = (isFirst ? BIT_RATES : LOW_BIT_RATES)[rates >> 4] ?? 0;
  const fullRate = SAMPLE_RATES[(rates >> 2) & 3] ?? 0;
  if (versionBits === 1 || kilobits === 0 || fullRate === 0) return undefined;
  const sampleRate = fullRate / (isFirst ? 1 : versionBits === 2 ? 2 : 4);
  const samples = isFirst ? 1_152 : 576;
  const padding = (rates >> 1) & 1;
  return {
    bytes: Math.floor(((samples / 8) * kilobits * 1_000) / sampleRate) + padding,
    seconds: samples / sampleRate,
  };
}
