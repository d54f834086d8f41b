/** What tests of deployments compare manifests with. */
import type { ConfigSchema } from '#libs/config/config.ts';
import type { ServiceName } from '#libs/contracts/internal-context.ts';
import { configSchema as billing } from '#services/billing/config.ts';
import { configSchema as gateway } from '#services/gateway/config.ts';
import { configSchema as generation } from '#services/generation/config.ts';
import { configSchema as usageMetering } from '#services/usage-metering/config.ts';

export const SERVICE_SCHEMAS: Readonly<Record<ServiceName, ConfigSchema>> = {
  gateway,
  billing,
  'usage-metering': usageMetering,
  generation,
};

/** Set in the image, so that no deployment sets them. */
export const IMAGE_VARIABLES = ['HOST', 'PORT', 'OPERATIONS_PORT'];

/** Only `npm start` sets them. */
export const LOCAL_VARIABLES = ['CLOCK_FILE'];
