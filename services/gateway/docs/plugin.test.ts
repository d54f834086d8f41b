import t from 'tap';
import { PROBLEMS } from '#libs/problems/problems.ts';
import { createTestGateway } from '../fixtures.ts';

const OTHER_ORIGIN = /(?:src|href)="(?:https?:)?\/\//;

t.test('given a browser, / leads to an API reference that loads nothing from other origins', async (t) => {
  const gateway = await createTestGateway(t);
  const root = await gateway.call('GET', '/');
  t.match(root, { status: 302, headers: { location: '/docs/' } });
  t.match(await gateway.call('GET', '/docs'), { status: 301, headers: { location: '/docs/' } });

  const page = await gateway.call('GET', '/docs/');
  t.match(page, { status: 200, headers: { 'content-type': /^text\/html/ } });
  t.match(page.body, '/openapi.json');
  t.notMatch(page.body, OTHER_ORIGIN);
  const policy = String(page.headers['content-security-policy']);
  t.match(policy, "default-src 'none'");
  t.match(policy, "connect-src 'self'");
  t.notMatch(policy, /https?:|\*|unsafe-eval/);
  const [, nonce] = /'nonce-([^']+)'/.exec(policy) ?? [];
  t.match(page.body, `nonce="${nonce}"`);

  const script = await gateway.call('GET', '/docs/js/scalar.js');
  t.match(script, { status: 200, headers: { 'content-type': /javascript/ } });
});

t.test('given a problem, its type leads to a page that explains it', async (t) => {
  const gateway = await createTestGateway(t);
  const refused = await gateway.call('GET', '/api/me');
  t.equal(refused.body.type, '/docs/problems/unauthenticated');
  const index = await gateway.call('GET', '/docs/problems');
  t.equal(index.status, 200);
  for (const [code, { title, status }] of Object.entries(PROBLEMS)) {
    const page = await gateway.call('GET', `/docs/problems/${code}`);
    t.match(page, { status: 200, headers: { 'content-type': /^text\/html/ } }, code);
    for (const text of [title, String(status), 'What happened', 'What to do']) t.match(page.body, text);
    t.notMatch(page.body, OTHER_ORIGIN, code);
    t.match(page.headers['content-security-policy'], "script-src 'none'");
    t.match(index.body, `href="/docs/problems/${code}"`);
  }
  t.match(await gateway.call('GET', '/docs/problems/%3Cscript%3E'), {
    status: 404,
    body: { code: 'not_found' },
  });
});
