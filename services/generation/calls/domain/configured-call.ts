import type { PlannedCall } from '#libs/contracts/generation-requests.ts';

/** The call of the first model whose provider is configured, with those of the others behind it; the same if none is. */
export function configuredCall(
  call: PlannedCall,
  requireProvider: (provider: string) => unknown,
): PlannedCall {
  if (call.fallbacks === undefined) return call;
  const [first = call, ...fallbacks] = [call, ...call.fallbacks].filter(({ provider }) => {
    try {
      requireProvider(provider);
      return true;
    } catch {
      return false;
    }
  });
  return { ...first, fallbacks };
}
