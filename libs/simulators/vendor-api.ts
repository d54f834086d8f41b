/** What the simulated APIs of other systems share: an answer, and a rate limit for each token. */

export type VendorAnswer = { status: number; body: unknown; headers?: readonly string[] };

export type VendorSimulator = {
  answer: (request: {
    method: string;
    /** Below the base URL, with its query. */
    path: string;
    headers: Readonly<Record<string, string | string[] | undefined>>;
    body: string;
  }) => VendorAnswer;
  clear: () => void;
};

/** A bucket for each token. @returns whether it admits one more request now. */
export function createRateLimit({ burst, perSecond }: { burst: number; perSecond: number }) {
  const buckets = new Map<string, { level: number; at: number }>();
  return {
    admits(token: string): boolean {
      const now = performance.now();
      const { level, at } = buckets.get(token) ?? { level: burst, at: now };
      const filled = Math.min(burst, level + ((now - at) / 1_000) * perSecond);
      buckets.set(token, { level: filled < 1 ? filled : filled - 1, at: now });
      return filled >= 1;
    },
    clear: () => buckets.clear(),
  };
}

export const bearerOf = (authorization: string | string[] | undefined): string =>
  (typeof authorization === 'string' ? /^Bearer (\S+)$/.exec(authorization)?.[1] : undefined) ?? '';

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
