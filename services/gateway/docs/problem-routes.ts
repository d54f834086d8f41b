import { STATUS_CODES } from 'node:http';
import type { FastifyInstance } from 'fastify';
import {
  CODES_BY_STATUS,
  exampleProblem,
  isProblemCode,
  type ProblemCode,
  problemDefinition,
  problemTypeUri,
} from '#libs/problems/catalogue.ts';
import { problem } from '#libs/problems/problems.ts';
import { REMEDIES } from '#libs/problems/remedies.ts';
import { escapeHtml, inlineCode, renderPage, servePages } from './page.ts';

const HTML = 'text/html; charset=utf-8';

/** `/docs/problems` and a page for each code, where the `type` of a problem leads. */
export function problemRoutes(app: FastifyInstance): void {
  servePages(app, "'none'");

  app.get('/docs/problems', (_request, reply) => reply.type(HTML).send(renderIndex()));

  app.get<{ Params: { code: string } }>('/docs/problems/:code', (request, reply) => {
    const { code } = request.params;
    if (!isProblemCode(code)) throw problem('not_found', { detail: 'There is no problem with this code.' });
    return reply.type(HTML).send(renderProblem(code));
  });
}

function renderIndex(): string {
  const sections = CODES_BY_STATUS.map(([status, codes]) => {
    const rows = codes.map(
      (code) =>
        `<tr><td><a href="${problemTypeUri(code)}"><code>${code}</code></a></td><td>${inlineCode(problemDefinition(code).detail)}</td></tr>`,
    );
    return `<h2>${statusName(status)}</h2>\n<table>\n${rows.join('\n')}\n</table>`;
  });
  return renderPage(
    'Problems',
    `<nav><a href="/docs">API reference</a></nav>
<h1>Problems</h1>
<p class="lead">Every error of the API is an <code>application/problem+json</code> document with a stable <code>code</code>. Its <code>type</code> leads to one of these pages.</p>
${sections.join('\n')}`,
  );
}

function renderProblem(code: ProblemCode): string {
  const { status, title, detail, openai, headers } = problemDefinition(code);
  const isFinal = headers?.['x-should-retry'] === 'false';
  const example = JSON.stringify(exampleProblem(code), null, 2);
  return renderPage(
    title,
    `<nav><a href="/docs">API reference</a> / <a href="/docs/problems">Problems</a></nav>
<h1>${escapeHtml(title)}</h1>
<p class="meta"><code>${code}</code> · ${statusName(status)}</p>
<h2>What happened</h2>
<p>${inlineCode(detail)}</p>
<h2>What to do</h2>
<p>${inlineCode(REMEDIES[code])}</p>
${isFinal ? '<p>The response carries <code>x-should-retry: false</code>: repeating the same request does not help.</p>' : ''}
<h2>Example</h2>
<pre><code>${escapeHtml(example)}</code></pre>
<h2>On OpenAI-compatible routes</h2>
<p>Under <code>/v1</code>, <code>error.type</code> is <code>${openai.type}</code>, <code>error.code</code> is <code>${openai.code ?? code}</code>, and <code>error.problem_code</code> is <code>${code}</code>.</p>`,
  );
}

const statusName = (status: number): string => `${status} ${STATUS_CODES[status] ?? ''}`.trim();
