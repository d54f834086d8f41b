/** A server of chat completions, with the same provider as every other target. */
export type Target = {
  /** As the table calls it. */
  name: string;
  /** `host:port`, several where connections are shared between replicas. */
  addresses: readonly string[];
  path: string;
  headers: Readonly<Record<string, string>>;
  /** Root processes whose trees serve the target's requests; the provider and the load generator are not among them. */
  processes: readonly number[];
  stop: () => Promise<void>;
};

/** Any key will do for the provider. */
export const PROVIDER_AUTHORIZATION = 'Bearer sk-bench';
