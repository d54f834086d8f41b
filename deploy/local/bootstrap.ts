export type BootstrapContext = {
  /** The migrated database, as its owner. */
  databaseUrl: string;
  /** The key that the demo account's first user can sign in with; the same at every start. */
  demoApiKey: string;
  /** Tells the operator what was done. */
  log: (line: string) => void;
};

/** One thing that a new installation needs. Runs at every start, and does nothing when it is done already. */
export type BootstrapStep = {
  name: string;
  run: (context: BootstrapContext) => Promise<void>;
};

/** In the order in which they depend on each other. */
export const bootstrapSteps: readonly BootstrapStep[] = [];

/**
 * Fills a migrated database with what the services expect to find.
 *
 * @throws Error naming the step that failed.
 */
export async function bootstrap(context: BootstrapContext): Promise<void> {
  for (const { name, run } of bootstrapSteps) {
    try {
      await run(context);
    } catch (cause) {
      throw new Error(`The first data could not be written (${name}): ${String(cause)}`, { cause });
    }
  }
}
