import { createServer, type ServerResponse } from 'node:http';
import t, { type Test } from 'tap';
import { Agent } from 'undici';
import { listenServerOnFreePort } from '#libs/testing/http.ts';
import { createVendorCall } from './vendor-api.ts';

const TOKEN = 'ntn_secret';

/** A provider that answers everything alike. */
async function callOf(t: Test, answer: (response: ServerResponse) => void) {
  const baseUrl = await listenServerOnFreePort(
    t,
    createServer((_request, response) => answer(response)),
  );
  const dispatcher = new Agent();
  t.teardown(() => dispatcher.destroy());
  return createVendorCall({ dispatcher, baseUrl, name: 'Notion', headers: {}, token: TOKEN });
}

t.test('given an answer that is too large, then it is not read to its end', async (t) => {
  const call = await callOf(t, (response) => response.end(`"${'x'.repeat(3 * 1024 * 1024)}"`));
  const refused = { message: 'Notion did not answer.' };
  await t.rejects(call({ method: 'GET', path: '/' }), { ...refused, code: 'unavailable' });
  await t.rejects(call({ method: 'POST', path: '/', body: {} }), { ...refused, code: 'outcome_unknown' });
});

t.test('given a message of a provider, then customers read one short line without the token', async (t) => {
  const message = `Bad \u0000 token ${TOKEN}\r\n\u202e${'very '.repeat(100)}`;
  const call = await callOf(t, (response) => response.writeHead(400).end(JSON.stringify({ message })));
  const error = await call({ method: 'GET', path: '/' }).catch((caught: unknown) => caught);
  const { message: shown } = error as Error;
  t.match(shown, /^Notion refused: Bad token … very very [a-z ]+$/);
  t.equal(shown.length, 'Notion refused: '.length + 200);
});

t.test('given an answer that is no JSON, then it is a value of no type', async (t) => {
  const call = await callOf(t, (response) => response.end('<html>'));
  t.equal(await call({ method: 'GET', path: '/' }), undefined);
});
