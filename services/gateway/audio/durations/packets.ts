/** Packets of codecs, whose durations do not depend on their container. */

/** How long the packets of a codec last: in units, so that their sum is exact. */
export type PacketClock = {
  readonly unitsPerSecond: number;
  /** The units of a packet, by its first two bytes. */
  readonly unitsOf: (first: number, second: number) => number;
  /** Of any packet. */
  readonly mostUnits: number;
};

const SILK_SAMPLES = [480, 960, 1_920, 2_880];
const CELT_SAMPLES = [120, 240, 480, 960];
/** A longer packet is invalid. */
const MOST_OPUS_SAMPLES = 5_760;

/** Opus counts samples at 48 kHz. @see https://www.rfc-editor.org/rfc/rfc6716#section-3.1 */
export const OPUS: PacketClock = {
  unitsPerSecond: 48_000,
  unitsOf(first, second) {
    const config = first >> 3;
    const [sizes, index] = config < 12 ? [SILK_SAMPLES, config & 3] : [SILK_SAMPLES, config & 1];
    const samples = (config < 16 ? sizes[index] : CELT_SAMPLES[config & 3]) ?? 0;
    const code = first & 3;
    const frames = code === 0 ? 1 : code < 3 ? 2 : second & 63;
    return Math.min(frames * samples, MOST_OPUS_SAMPLES);
  },
  mostUnits: MOST_OPUS_SAMPLES,
};

const VORBIS_HEADER_BYTES = 29;

/**
 * A packet of Vorbis has half a long block at most. Undefined if the bytes are not its first header.
 *
 * @see https://xiph.org/vorbis/doc/Vorbis_I_spec.html#x1-630004.2.2
 */
export function vorbisClock(header: Buffer): PacketClock | undefined {
  if (header.length < VORBIS_HEADER_BYTES || header.toString('latin1', 0, 7) !== '\x01vorbis')
    return undefined;
  const unitsPerSecond = header.readUInt32LE(12);
  const mostUnits = 2 ** (header.readUInt8(28) >> 4) / 2;
  return unitsPerSecond === 0 ? undefined : { unitsPerSecond, mostUnits, unitsOf: () => mostUnits };
}
