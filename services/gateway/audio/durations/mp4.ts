/** MP4 and M4A recordings. @see https://developer.apple.com/documentation/quicktime-file-format */

const BOX_HEADER_BYTES = 8;
const LARGE_BOX_HEADER_BYTES = 16;
/** Their children are read like siblings. */
const PARENTS = new Set(['moov', 'trak', 'mdia', 'minf', 'stbl', 'edts', 'moof', 'traf']);
const AAC_SAMPLES = 1_024;
const MP3_SAMPLES = 1_152;
const AAC_RATES = [
  96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350,
];
/** Object types of MPEG audio: of a whole stream, and those of AAC whose frames have at most as many samples. */
const MP3_OBJECTS = [0x69, 0x6b];
const AAC_OBJECTS = [0x40, 0x66, 0x67, 0x68];
const AAC_AUDIO_OBJECTS = [1, 2, 3, 4, 5, 29];

type Track = {
  id: number;
  isAudio: boolean;
  /** Of one frame; null for codecs that are not counted. */
  secondsPerFrame: number | null;
  frames: number;
  /** What edits make players play, in units of the movie. */
  editedUnits: number;
};

/** The seconds of the longest audio track, counted by its frames. Null for codecs that are not counted. */
export function mp4Seconds(mp4: Buffer): number | null {
  const tracks: Track[] = [];
  let unitsPerSecond = 0;
  let fragment: Track | undefined;
  for (let at = 0; at + BOX_HEADER_BYTES <= mp4.length; ) {
    const type = mp4.toString('latin1', at + 4, at + 8);
    const { header, size } = sizeOf(mp4, at);
    if (size < header) break;
    const content = mp4.subarray(at + header, at + size);
    if (type === 'trak')
      tracks.push({ id: 0, isAudio: false, secondsPerFrame: null, frames: 0, editedUnits: 0 });
    else if (type === 'mvhd') unitsPerSecond = read(content, content[0] === 1 ? 20 : 12);
    else if (type === 'tfhd') fragment = tracks.find(({ id }) => id === read(content, 4));
    else if (type === 'trun') addFrames(fragment, read(content, 4));
    else readTrackField(tracks.at(-1), type, content);
    at += PARENTS.has(type) ? header : size;
  }
  const seconds = tracks.filter(({ isAudio }) => isAudio).map((track) => secondsOf(track, unitsPerSecond));
  return seconds.length === 0 || seconds.includes(null) ? null : Math.max(...seconds.map(Number));
}

/** 0 bytes for a box that is cut. */
function sizeOf(mp4: Buffer, at: number): { header: number; size: number } {
  const size = mp4.readUInt32BE(at);
  if (size === 0) return { header: BOX_HEADER_BYTES, size: mp4.length - at };
  if (size !== 1) return { header: BOX_HEADER_BYTES, size };
  const isCut = at + LARGE_BOX_HEADER_BYTES > mp4.length;
  return {
    header: LARGE_BOX_HEADER_BYTES,
    size: isCut ? 0 : Number(mp4.readBigUInt64BE(at + BOX_HEADER_BYTES)),
  };
}

function readTrackField(track: Track | undefined, type: string, content: Buffer): void {
  if (track === undefined) return;
  if (type === 'tkhd') track.id = read(content, content[0] === 1 ? 20 : 12);
  else if (type === 'hdlr') track.isAudio = content.toString('latin1', 8, 12) === 'soun';
  else if (type === 'stsd') track.secondsPerFrame = secondsPerFrameOf(content);
  else if (type === 'stsz' || type === 'stz2') addFrames(track, read(content, 8));
  else if (type === 'elst') track.editedUnits = editedUnitsOf(content);
}

function addFrames(track: Track | undefined, count: number): void {
  if (track !== undefined) track.frames += count;
}

/** Edits may play the same frames again. */
function secondsOf({ secondsPerFrame, frames, editedUnits }: Track, unitsPerSecond: number): number | null {
  if (secondsPerFrame === null || frames === 0) return null;
  const edited = unitsPerSecond > 0 ? editedUnits / unitsPerSecond : 0;
  return Math.max(frames * secondsPerFrame, edited);
}

/** Of several edits. One edit only cuts. */
function editedUnitsOf(list: Buffer): number {
  const isLarge = list[0] === 1;
  const count = read(list, 4);
  const entryBytes = isLarge ? 20 : 12;
  let units = 0;
  for (let at = 8; count > 1 && at + entryBytes <= list.length; at += entryBytes)
    units += isLarge ? Number(list.readBigUInt64BE(at)) : list.readUInt32BE(at);
  return units;
}

const SAMPLE_ENTRY = { type: 12, rate: 40, end: 44 } as const;

/** By the only description of a track's samples. */
function secondsPerFrameOf(descriptions: Buffer): number | null {
  if (read(descriptions, 4) !== 1 || descriptions.length < SAMPLE_ENTRY.end) return null;
  const type = descriptions.toString('latin1', SAMPLE_ENTRY.type, SAMPLE_ENTRY.type + 4);
  const rate = descriptions.readUInt16BE(SAMPLE_ENTRY.rate);
  const extension = descriptions.subarray(SAMPLE_ENTRY.end);
  if (type === 'alac') return alacFrame(extension);
  if (type === '.mp3' && rate > 0) return MP3_SAMPLES / rate;
  return type === 'mp4a' ? mpegFrame(extension, rate) : null;
}

/** @see https://github.com/macosforge/alac/blob/master/ALACMagicCookieDescription.txt */
function alacFrame(extension: Buffer): number | null {
  const cookie = extension.indexOf('alac') + 8;
  const samples = read(extension, cookie);
  const rate = read(extension, cookie + 20);
  return cookie >= 8 && samples > 0 && rate > 0 ? samples / rate : null;
}

/** Descriptors of MPEG-4: a tag, and a size of up to four bytes with seven bits each. */
function mpegFrame(extension: Buffer, entryRate: number): number | null {
  const descriptor = extension.indexOf('esds');
  if (descriptor < 0) return entryRate > 0 ? AAC_SAMPLES / entryRate : null;
  const config = findDescriptor(extension, descriptor + BOX_HEADER_BYTES, 0x04);
  const object = config?.[0] ?? 0;
  if (MP3_OBJECTS.includes(object)) return entryRate > 0 ? MP3_SAMPLES / entryRate : null;
  const specific = config && findDescriptor(config, 13, 0x05);
  if (!AAC_OBJECTS.includes(object) || specific === undefined || specific.length < 2) return null;
  const [first = 0, second = 0] = specific;
  const rate = AAC_RATES[((first & 7) << 1) | (second >> 7)];
  return AAC_AUDIO_OBJECTS.includes(first >> 3) && rate !== undefined ? AAC_SAMPLES / rate : null;
}

/** Steps over the fields of the elementary stream that may stand before. */
function findDescriptor(bytes: Buffer, from: number, tag: number): Buffer | undefined {
  for (let at = from; at < bytes.length; ) {
    const found = bytes[at];
    let size = 0;
    let sizeBytes = 0;
    do {
      sizeBytes += 1;
      size = size * 128 + ((bytes[at + sizeBytes] ?? 0) & 0x7f);
    } while (sizeBytes < 4 && ((bytes[at + sizeBytes] ?? 0) & 0x80) !== 0);
    const start = at + 1 + sizeBytes;
    if (found === tag) return bytes.subarray(start, start + size);
    // The stream's own descriptor: an id of two bytes and flags, then its parts.
    at = found === 0x03 ? start + 3 : start + size;
  }
  return undefined;
}

/** 0 where the box ends before. */
function read(box: Buffer, at: number): number {
  return at >= 0 && at + 4 <= box.length ? box.readUInt32BE(at) : 0;
}
