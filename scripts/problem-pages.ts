import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { STATUS_CODES } from 'node:http';
import path from 'node:path';
import { PROBLEMS, type ProblemCode, problemDefinition, problemTypeUri } from '#libs/problems/catalogue.ts';
import { REMEDIES } from '#libs/problems/remedies.ts';

const FILE = 'docs/problems.md';
const HEADER = `# Problems

<!-- Generated from libs/problems by \`npm run problems\`: edit that, not this. -->

Every error is an \`application/problem+json\` document (RFC 9457):

\`\`\`json
{
  "type": "${problemTypeUri('limit_exceeded')}",
  "title": "${PROBLEMS.limit_exceeded.title}",
  "status": ${PROBLEMS.limit_exceeded.status},
  "detail": "${PROBLEMS.limit_exceeded.detail}",
  "code": "limit_exceeded",
  "request_id": "019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d2e"
}
\`\`\`

Branch on \`code\`: codes are stable, and never renamed or reused. \`title\` and \`detail\` are for humans and may change.
\`request_id\` is what support needs, and for metered requests \`GET /api/usage/requests/{request_id}\` explains the
decision. Further fields depend on the code.

Routes under \`/v1\` answer in OpenAI's shape instead, so that OpenAI's SDKs raise the errors they know; there \`code\` is
OpenAI's word where it has one, and ours always stands in \`error.problem_code\`.
`;

const CODES = Object.keys(PROBLEMS) as ProblemCode[];

function byStatus(): [status: number, codes: ProblemCode[]][] {
  const groups = Map.groupBy(CODES, (code) => problemDefinition(code).status);
  return [...groups].sort(([a], [b]) => a - b);
}

function renderOverview(): string {
  const rows = byStatus().map(
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
      isFinal ? ' Carries `x-should-retry: false`, which keeps SDKs from retrying.' : ''
    }`,
    '',
  ].join('\n');
}

/** The text of `docs/problems.md`: one section per code, in the order of their statuses. */
export function renderProblemPages(): string {
  const sections = byStatus().flatMap(([, codes]) => codes.map(renderProblem));
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
