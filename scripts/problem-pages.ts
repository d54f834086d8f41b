import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { STATUS_CODES } from 'node:http';
import path from 'node:path';
import {
  CODES_BY_STATUS,
  exampleProblem,
  type ProblemCode,
  problemDefinition,
} from '#libs/problems/catalogue.ts';
import { REMEDIES } from '#libs/problems/remedies.ts';

const FILE = 'docs/problems.md';
const HEADER = `# Problems

<!-- Generated from libs/problems by \`npm run problems\`: edit that, not this. -->

Every error is an \`application/problem+json\` document (RFC 9457):

\`\`\`json
${JSON.stringify(exampleProblem('limit_exceeded'), null, 2)}
\`\`\`

Branch on \`code\`: codes are stable, and never renamed or reused. \`title\` and \`detail\` are texts for humans and may
change. \`type\` is the path of the code's page on the same server. Quote \`request_id\` to support; for metered requests,
\`GET /api/usage/requests/{request_id}\` explains the decision. Further fields depend on the code.

Routes under \`/v1\` use OpenAI's error format, so that OpenAI's SDKs raise the errors they know. There \`error.code\` is
OpenAI's code where one exists, and \`error.problem_code\` is always the code below.
`;

function renderOverview(): string {
  const rows = CODES_BY_STATUS.map(
    ([status, codes]) => `- ${status}: ${codes.map((code) => `[\`${code}\`](#${code})`).join(', ')}`,
  );
  return [...rows, ''].join('\n');
}

function renderProblem(code: ProblemCode): string {
  const { status, title, detail, openai, headers } = problemDefinition(code);
  const reason = STATUS_CODES[status];
  const isFinal = headers?.['x-should-retry'] === 'false';
  return [
    `## ${code}`,
    '',
    `**${status}${reason === undefined ? '' : ` ${reason}`}: ${title}.** ${detail}`,
    '',
    `What to do: ${REMEDIES[code]}`,
    '',
    `Under \`/v1\`: \`type\` is \`${openai.type}\`, \`code\` is \`${openai.code ?? code}\`.${
      isFinal ? ' Carries `x-should-retry: false`, so SDKs do not retry.' : ''
    }`,
    '',
  ].join('\n');
}

/** The text of `docs/problems.md`: one section per code, in the order of their statuses. */
export function renderProblemPages(): string {
  const sections = CODES_BY_STATUS.flatMap(([, codes]) => codes.map(renderProblem));
  return [HEADER, renderOverview(), ...sections].join('\n');
}

/** Faults of the file; empty if it matches the problem catalogue. */
export function checkProblemPages(): string[] {
  const written = existsSync(FILE) ? readFileSync(FILE, 'utf8') : '';
  return written === renderProblemPages() ? [] : [`${FILE} is out of date: run \`npm run problems\``];
}

if (import.meta.main) {
  mkdirSync(path.dirname(FILE), { recursive: true });
  writeFileSync(FILE, renderProblemPages());
  console.log(`Wrote ${FILE}.`);
}
