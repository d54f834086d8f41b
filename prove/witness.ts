/** The external witness: the calls that the provider simulator served, in its own process and count. */
import { z } from 'zod';

const tokens = z.int().min(0);

const witnessedCall = z
  .object({
    provider: z.string(),
    model: z.string(),
    correlation: z.string().nullable(),
    input_tokens: tokens,
    input_audio_tokens: tokens,
    cache_read_tokens: tokens,
    cache_write_tokens: tokens,
    output_tokens: tokens,
    reasoning_tokens: tokens,
    reports_usage: z.boolean(),
    usage_mode: z.string().nullable(),
    complete: z.boolean(),
    status: z.int(),
  })
  .transform(({ correlation, complete, status, provider, model, reports_usage, usage_mode, ...usage }) => ({
    provider,
    model,
    /** `<request id>/<index of the call>`, as generation sent it. */
    correlation,
    complete,
    status,
    /** Whether the provider reported the tokens. */
    reportsUsage: reports_usage,
    /** `more` if the caller asked for more usage than was held. */
    usageMode: usage_mode,
    tokens: {
      input: usage.input_tokens,
      audio: usage.input_audio_tokens,
      cacheRead: usage.cache_read_tokens,
      cacheWrite: usage.cache_write_tokens,
      output: usage.output_tokens,
      reasoning: usage.reasoning_tokens,
    },
  }));

export type WitnessedCall = z.output<typeof witnessedCall>;
export type TokenCounts = WitnessedCall['tokens'];

const answer = z.object({ calls: z.array(witnessedCall) });

/** Lets the calls that wait for this name proceed. */
export async function releaseCalls(simulatorUrl: string, name: string): Promise<void> {
  const response = await fetch(`${simulatorUrl}/release?name=${encodeURIComponent(name)}`, {
    method: 'POST',
  });
  if (!response.ok) throw new Error(`The simulator answered ${response.status}`);
}

/** All calls that ended at or after this time. */
export async function readWitness(simulatorUrl: string, since: Date): Promise<WitnessedCall[]> {
  const response = await fetch(`${simulatorUrl}/witness/calls?since=${since.toISOString()}`);
  if (!response.ok) throw new Error(`The witness answered ${response.status}`);
  return answer.parse(await response.json()).calls;
}
