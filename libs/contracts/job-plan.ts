/** `GET /internal/v1/jobs/{id}/plan`: what the gateway plans the rest of a job from. */
import { z } from 'zod';
import { contentInputs, outlineApproval } from './content-inputs.ts';

export const JOB_PLAN_ROUTE = '/internal/v1/jobs/:id/plan';

export const jobPlanPath = (id: string): string => `/internal/v1/jobs/${id}/plan`;

export const jobPlan = z.object({
  status: z.string(),
  /** As it created the job. */
  request: z.looseObject({}),
  inputs: contentInputs,
  approval: outlineApproval.optional(),
  /** In thousandths. */
  scale: z.int(),
  /** Steps that have succeeded. */
  done: z.array(z.string()),
});
export type JobPlan = z.infer<typeof jobPlan>;
