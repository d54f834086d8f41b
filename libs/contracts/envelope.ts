import { z } from 'zod';

/** `{success: true, data}`: the shape of the routes below `/api/subscription`, and of no others. */
export function envelope<Data extends z.ZodType>(data: Data) {
  return z.object({ success: z.literal(true), data });
}

/** Wraps a result in its {@link envelope}. */
export function succeed<Data>(data: Data): { success: true; data: Data } {
  return { success: true, data };
}

export const instant = z.iso.datetime().describe('ISO 8601, UTC');
export const usd = z
  .string()
  .regex(/^-?\d+\.\d{9}$/)
  .describe('USD with nine decimals');
export const nanoUsd = z
  .string()
  .regex(/^-?\d+$/)
  .describe('Integer nano-USD (10⁻⁹ USD)');
export const count = z.int().min(0);
