/** Exits with 0 if the service in this container is alive: the check of the image, in place of a shell and curl. */
import { processEnv } from '#libs/config/env.ts';

const TIMEOUT_MS = 2_000;

const { OPERATIONS_PORT = '9080' } = processEnv();
const { ok } = await fetch(`http://127.0.0.1:${OPERATIONS_PORT}/health`, {
  signal: AbortSignal.timeout(TIMEOUT_MS),
});
process.exitCode = ok ? 0 : 1;
