import { z } from 'zod';
import { backendVariables } from '#libs/service/backend-variables.ts';
import { serviceVariables } from '#libs/service/variables.ts';

export const configSchema = z.object({ ...serviceVariables(8081), ...backendVariables() });
