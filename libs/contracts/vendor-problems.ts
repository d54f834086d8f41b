import { z } from 'zod';
import { type ProblemCode, problemDefinition } from '#libs/problems/catalogue.ts';
import { type ErrorFormat, errorDocument } from '#libs/problems/error-formats.ts';
import { problem } from '#libs/problems/problems.ts';
import type { OperationResponse } from './operation.ts';

type VendorFormat = Exclude<ErrorFormat, 'problem'>;

const ownCode = z.string().describe('The stable code of the problem.');

/** Errors in the shape that the SDK of each vendor shows. */
const SCHEMAS: Readonly<Record<VendorFormat, z.ZodType>> = {
  openai: z
    .object({
      error: z.looseObject({
        message: z.string(),
        type: z.string(),
        param: z.string().nullable(),
        code: z.string(),
        problem_code: z
          .string()
          .describe('The stable code of the problem; `code` is the one that OpenAI uses.'),
        request_id: z.string(),
      }),
    })
    .meta({ id: 'OpenAiError' }),
  anthropic: z
    .object({
      type: z.literal('error'),
      error: z.looseObject({ type: z.string(), message: z.string(), problem_code: ownCode }),
      request_id: z.string(),
    })
    .meta({ id: 'AnthropicError' }),
  google: z
    .object({
      error: z.object({
        code: z.int(),
        message: z.string(),
        status: z.string(),
        details: z.array(z.looseObject({ problem_code: ownCode, request_id: z.string() })),
      }),
    })
    .meta({ id: 'GoogleError' }),
};

const EXAMPLE_ID = '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d2e';

/** The error responses of an operation in a vendor's wire format, by status. */
export function vendorProblems(
  format: VendorFormat,
  ...codes: readonly ProblemCode[]
): Record<number, OperationResponse> {
  const responses: Record<number, OperationResponse> = {};
  for (const [status, group] of Map.groupBy(new Set(codes), (code) => problemDefinition(code).status)) {
    const [first] = group as [ProblemCode, ...ProblemCode[]];
    responses[status] = {
      description: group.map((code) => `\`${code}\`: ${problemDefinition(code).title}.`).join(' '),
      problems: group,
      errorFormat: format,
      schema: SCHEMAS[format],
      example: errorDocument(format, problem(first), EXAMPLE_ID),
    };
  }
  return responses;
}
