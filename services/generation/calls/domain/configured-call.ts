import type { PlannedCall } from '#libs/contracts/generation-requests.ts';

/**
 * The call of the first model whose provider is configured, with those of the others behind it.
 * @throws what `requireProvider` throws for the first, if none is configured.
 */
export function configuredCall(
  call: PlannedCall,
  requireProvider: (provider: string) => unknown,
): PlannedCall {
  const isConfigured = ({ provider }: PlannedCall) => {
    try {
      requireProvider(provider);
      return true;
    } catch {
      return false;
    }
  };
  const [first, ...fallbacks] = [call, ...(call.fallbacks ?? [])].filter(isConfigured);
  if (first === undefined) requireProvider(call.provider);
  return first === undefined || call.fallbacks === undefined ? call : { ...first, fallbacks };
}
