/** A call of a plan as the detail of its hold has it. */
import { z } from 'zod';
import { fromWire, modelPriceWire } from '#libs/pricing/price-wire.ts';

const count = z.int().min(0);

/** What every call has; plans of requests have more. */
export const storedCall = z.object({
  index: count,
  step: z.string(),
  provider: z.string(),
  model: z.string(),
  inputTokens: count,
  outputTokens: count,
  choices: count,
  otherUnits: z.record(z.string(), count),
  counts: z.record(z.string(), count),
  price: modelPriceWire.transform(fromWire),
});
