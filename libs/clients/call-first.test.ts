import t from 'tap';
import { callFirst } from './call-first.ts';
import { InternalCallError, type InternalRequest } from './internal-client.ts';

const REQUEST: InternalRequest = { method: 'POST', path: '/internal/v1/recordings', requestId: 'request-1' };

/** Two processes, of which the first fails with a code. @returns the answer, or the code of the problem; and who was asked. */
async function ask(code: string, request: InternalRequest) {
  const asked: string[] = [];
  const down = async () => {
    asked.push('down');
    throw new InternalCallError('failed', { cause: Object.assign(new Error(code), { code }) });
  };
  const up = async () => {
    asked.push('up');
    return { status: 200, headers: {}, body: 'answer' };
  };
  const answer = await callFirst([{ call: down }, { call: up }], request).catch(({ code }) => code);
  return [answer, ...asked];
}

t.test('a request that was not sent goes to the next process', async (t) => {
  t.strictSame(await ask('ECONNREFUSED', REQUEST), ['answer', 'down', 'up']);
});

t.test('a request that may have been executed is repeated only if it is idempotent', async (t) => {
  for (const code of ['ECONNRESET', 'UND_ERR_SOCKET', 'UND_ERR_HEADERS_TIMEOUT']) {
    t.strictSame(await ask(code, REQUEST), ['service_unavailable', 'down']);
    t.strictSame(await ask(code, { ...REQUEST, isIdempotent: true }), ['answer', 'down', 'up']);
    t.strictSame(await ask(code, { ...REQUEST, method: 'GET' }), ['answer', 'down', 'up']);
  }
});
