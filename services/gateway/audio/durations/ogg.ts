/** Ogg recordings: Opus and Vorbis. @see https://www.rfc-editor.org/rfc/rfc3533 */
import { OPUS, type PacketClock, vorbisClock } from './packets.ts';

const PAGE_HEADER_BYTES = 27;
const BEGINS_STREAM = 0x02;

type Stream = {
  clock: PacketClock;
  units: number;
  /** Packets that are left of its headers. */
  headers: number;
  /** Where the packet begins that the last page did not end. */
  pending: Buffer | undefined;
};

/** The seconds of an Ogg file, counted by its packets. Null if one of its streams has another codec. */
export function oggSeconds(ogg: Buffer): number | null {
  const streams: Stream[] = [];
  const current = new Map<number, Stream>();
  for (let at = ogg.indexOf('OggS'); at >= 0 && at + PAGE_HEADER_BYTES <= ogg.length; ) {
    const lacing = ogg.subarray(at + PAGE_HEADER_BYTES, at + PAGE_HEADER_BYTES + ogg.readUInt8(at + 26));
    let start = at + PAGE_HEADER_BYTES + lacing.length;
    const serial = ogg.readUInt32LE(at + 14);
    if ((ogg.readUInt8(at + 5) & BEGINS_STREAM) !== 0) {
      const stream = streamOf(ogg.subarray(start));
      if (stream === undefined) return null;
      streams.push(stream);
      current.set(serial, stream);
    }
    const stream = current.get(serial);
    let packet = stream?.pending ?? ogg.subarray(start);
    for (const size of lacing) {
      start += size;
      if (size === 255) continue;
      if (stream !== undefined) take(stream, packet);
      packet = ogg.subarray(start);
    }
    if (stream !== undefined) stream.pending = lacing.at(-1) === 255 ? packet : undefined;
    at = ogg.indexOf('OggS', start);
  }
  return streams.reduce((sum, { units, clock }) => sum + units / clock.unitsPerSecond, 0);
}

function take(stream: Stream, packet: Buffer): void {
  if (stream.headers > 0) stream.headers -= 1;
  else stream.units += stream.clock.unitsOf(packet[0] ?? 0, packet[1] ?? 0);
}

/** Undefined for a codec that is not counted. */
function streamOf(first: Buffer): Stream | undefined {
  if (first.toString('latin1', 0, 8) === 'OpusHead')
    return { clock: OPUS, units: 0, headers: 2, pending: undefined };
  const clock = vorbisClock(first);
  return clock && { clock, units: 0, headers: 3, pending: undefined };
}
