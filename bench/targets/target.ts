/** A server of chat completions, with the same provider as every other target. */
export type Target = {
  /** Its name in the table. */
  name: string;
  /** `host:port`, several where connections are shared between replicas. */
  addresses: readonly string[];
  path: string;
  headers: Readonly<Record<string, string>>;
  /** Root processes whose trees serve the target's requests; the provider and the load generator are not among them. */
  processes: readonly number[];
  stop: () => Promise<void>;
};

/** The provider accepts any key. */
export const PROVIDER_AUTHORIZATION = 'Bearer sk-bench';
