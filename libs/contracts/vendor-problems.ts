import { z } from 'zod';
import type { ProblemCode } from '#libs/problems/catalogue.ts';
import type { ErrorFormat } from '#libs/problems/error-formats.ts';
import type { OperationResponse } from './operation.ts';
import { errorResponses } from './problem-responses.ts';

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
        code: z.int().describe('The HTTP status.'),
        message: z.string(),
        status: z.string(),
        details: z.array(
          z.looseObject({ '@type': z.string(), problem_code: ownCode, request_id: z.string() }),
        ),
      }),
    })
    .meta({ id: 'GoogleError' }),
};

/** The error responses of an operation in a vendor's wire format, by status. The fields of the code are in the error. */
export function vendorProblems(
  format: VendorFormat,
  ...codes: readonly ProblemCode[]
): Record<number, OperationResponse> {
  return errorResponses(codes, { errorFormat: format, schemaOf: () => SCHEMAS[format] });
}
