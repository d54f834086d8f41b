/** WebM recordings, as browsers write them. @see https://www.rfc-editor.org/rfc/rfc9559 */
import { OPUS, type PacketClock, vorbisClock } from './packets.ts';

const ID = {
  segment: 0x18538067,
  cluster: 0x1f43b675,
  blockGroup: 0xa0,
  simpleBlock: 0xa3,
  block: 0xa1,
  tracks: 0x1654ae6b,
  track: 0xae,
  trackNumber: 0xd7,
  trackType: 0x83,
  codec: 0x86,
  codecPrivate: 0x63a2,
  encodings: 0x6d80,
} as const;
/** Their children are read like siblings, so that elements of unknown size need no care. */
const PARENTS = new Set<number>([ID.segment, ID.cluster, ID.blockGroup, ID.tracks, ID.track]);
const AUDIO = 2;
/** Between the number of its track and its frames, a block has its time and flags. */
const BLOCK_HEADER_BYTES = 3;
const LACING = 0x06;

type Track = {
  number: number;
  isAudio: boolean;
  codec: string;
  codecPrivate: Buffer;
  /** Frames are compressed or encrypted. */
  isEncoded: boolean;
  /** Known from the first block on. */
  clock: PacketClock | undefined;
  units: number;
};

/** The seconds of the longest audio track, counted by its frames. Null for codecs other than Opus and Vorbis. */
export function webmSeconds(webm: Buffer): number | null {
  const tracks: Track[] = [];
  for (let at = 0; at < webm.length; ) {
    const id = readNumber(webm, at, 'with its mark');
    const size = readNumber(webm, at + id.bytes, 'without its mark');
    if (id.bytes === 0 || size.bytes === 0) break;
    const start = at + id.bytes + size.bytes;
    const content = webm.subarray(start, start + size.value);
    if (id.value === ID.track) tracks.push(newTrack());
    else if (id.value === ID.simpleBlock || id.value === ID.block) addBlock(tracks, content);
    else readTrackField(tracks.at(-1), id.value, content);
    at = PARENTS.has(id.value) ? start : start + size.value;
  }
  const seconds = tracks.filter(({ isAudio }) => isAudio).map(secondsOf);
  return seconds.length === 0 || seconds.includes(null) ? null : Math.max(...seconds.map(Number));
}

const newTrack = (): Track => ({
  number: 0,
  isAudio: false,
  codec: '',
  codecPrivate: Buffer.alloc(0),
  isEncoded: false,
  clock: undefined,
  units: 0,
});

function readTrackField(track: Track | undefined, id: number, content: Buffer): void {
  if (track === undefined) return;
  if (id === ID.trackNumber) track.number = content.at(-1) ?? 0;
  else if (id === ID.trackType) track.isAudio = content.at(-1) === AUDIO;
  else if (id === ID.codec) track.codec = content.toString('latin1').replace(/\0+$/, '');
  else if (id === ID.codecPrivate) track.codecPrivate = content;
  else if (id === ID.encodings) track.isEncoded = true;
}

/** Undefined for a codec that is not counted. */
function clockOf({ isEncoded, codec, codecPrivate }: Track): PacketClock | undefined {
  if (isEncoded) return undefined;
  if (codec === 'A_OPUS') return OPUS;
  const header = codecPrivate.indexOf('\x01vorbis', 0, 'latin1');
  return codec === 'A_VORBIS' && header >= 0 ? vorbisClock(codecPrivate.subarray(header)) : undefined;
}

function addBlock(tracks: readonly Track[], block: Buffer): void {
  const number = readNumber(block, 0, 'without its mark');
  const track = tracks.find((one) => one.number === number.value);
  const [first, second = 0] = block.subarray(number.bytes + BLOCK_HEADER_BYTES);
  if (track === undefined || first === undefined) return;
  track.clock ??= clockOf(track);
  const isLaced = ((block[number.bytes + 2] ?? 0) & LACING) !== 0;
  // Several frames begin with their number.
  if (isLaced) track.units += (first + 1) * (track.clock?.mostUnits ?? 0);
  else track.units += track.clock?.unitsOf(first, second) ?? 0;
}

/** Null if it is not counted. */
function secondsOf({ clock, units }: Track): number | null {
  return clock === undefined ? null : units / clock.unitsPerSecond;
}

/** A number whose first byte says how many bytes it has. No bytes for one that is cut or invalid. */
function readNumber(
  bytes: Buffer,
  at: number,
  form: 'with its mark' | 'without its mark',
): { value: number; bytes: number } {
  const first = bytes[at] ?? 0;
  const length = Math.clz32(first) - 23;
  if (first === 0 || at + length > bytes.length) return { value: 0, bytes: 0 };
  let value = form === 'with its mark' ? first : first & (0xff >> length);
  for (let next = at + 1; next < at + length; next += 1) value = value * 256 + (bytes[next] ?? 0);
  return { value, bytes: length };
}
