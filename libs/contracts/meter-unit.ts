export const METER_UNITS = ['nano_usd', 'tokens', 'seconds', 'count'] as const;
export type MeterUnit = (typeof METER_UNITS)[number];

/** The unit of a meter. */
export function meterUnit(meter: string): MeterUnit {
  if (meter === 'cost') return 'nano_usd';
  if (meter === 'audio.seconds') return 'seconds';
  return meter.startsWith('tokens.') ? 'tokens' : 'count';
}
