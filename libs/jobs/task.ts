import { z } from 'zod';
import type { Logger } from '#libs/service/logger.ts';

/** The context of a run. */
export type JobContext = {
  /** Aborted when the service stops or the worker has lost its claim on the job. Pass it to everything that waits. */
  readonly signal: AbortSignal;
  /** Writes the task's name and the job's id with every line. */
  readonly logger: Logger;
};

/** `cron` is in UTC, with minutes as the finest step. `everySeconds` counts from the end of a run to the next. */
export type Schedule = { readonly cron: string } | { readonly everySeconds: number };

/**
 * A kind of job. `run` may happen more than once for the same job, so it must be idempotent. A run that throws is
 * repeated after 3 s, 7 s, 20 s, and so on up to 6 h, until `maxAttempts`; then the job stays as failed.
 */
export type Task<Payload = unknown> = {
  readonly name: string;
  readonly schema: z.ZodType<Payload>;
  readonly schedule: Schedule | null;
  readonly maxAttempts: number;
  // A method, so that tasks of different payloads fit into one list.
  run(payload: Payload, context: JobContext): Promise<void>;
};

const NAME = /^[a-z]+(-[a-z]+)*$/;
const DEFAULT_MAX_ATTEMPTS = 10;

/**
 * Defines a task. A payload holds ids, never secrets or content: every service can read it, and staff see the failed
 * jobs. With an `accountId` in it, staff see whose job it is.
 *
 * @param options.schedule Runs one after another with the payload `{}`, over all replicas, without an `enqueue`.
 * @param options.maxAttempts 10 by default. A scheduled run every few seconds is not repeated: the next one follows.
 * @throws TypeError when the name is not in kebab case.
 */
export function defineTask<Payload extends object = Record<never, never>>(options: {
  name: string;
  schema?: z.ZodType<Payload>;
  schedule?: Schedule;
  maxAttempts?: number;
  run: (payload: Payload, context: JobContext) => Promise<void>;
}): Task<Payload> {
  const { name, schema, schedule = null, maxAttempts = DEFAULT_MAX_ATTEMPTS, run } = options;
  if (!NAME.test(name)) throw new TypeError(`A task's name is in kebab case, unlike "${name}".`);
  return {
    name,
    schema: schema ?? (z.object({}) as unknown as z.ZodType<Payload>),
    schedule,
    maxAttempts,
    run,
  };
}
