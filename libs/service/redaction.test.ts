import t from 'tap';
import { problem } from '#libs/problems/problems.ts';
import { redact, serializeError } from './redaction.ts';

t.test('censors sensitive keys at any depth, and copies only then', async (t) => {
  const harmless = { method: 'POST', nested: { tokens: 12, list: [{ a: 1 }] }, at: new Date(0), none: null };
  t.equal(redact({ ...harmless }).nested, harmless.nested, 'an untouched branch is kept');
  t.strictSame(redact(harmless), harmless);

  const secretive = {
    authorization: 'Bearer abc',
    headers: { 'x-api-key': 'k', 'set-cookie': ['a'], 'x-inkmeter-context': 'c', accept: '*/*' },
    call: { input: [{ messages: [{ content: 'hello' }] }], apiKey: 'k', accessToken: 't' },
  };
  const before = structuredClone(secretive);
  t.strictSame(redact(secretive), {
    authorization: '[redacted]',
    headers: {
      'x-api-key': '[redacted]',
      'set-cookie': '[redacted]',
      'x-inkmeter-context': '[redacted]',
      accept: '*/*',
    },
    call: { input: [{ messages: '[redacted]' }], apiKey: '[redacted]', accessToken: '[redacted]' },
  });
  t.strictSame(secretive, before, 'the original is not changed');
});

t.test('is bounded for any input', async (t) => {
  const circle: Record<string, unknown> = {};
  circle.again = circle;
  t.match(JSON.stringify(redact(circle)), '[redacted]');
  t.strictSame(redact({ buffer: Buffer.from('secret'), map: new Map() }), {
    buffer: '[Buffer]',
    map: '[Map]',
  });
});

t.test('an error keeps its diagnostic fields and hides attached data', async (t) => {
  const query = Object.assign(new Error('Failed query: select $1\nparams: bob@example.com,hunter2'), {
    query: 'select $1',
    params: ['bob@example.com', 'hunter2'],
    cause: Object.assign(new Error('duplicate key'), {
      code: '23505',
      constraint: 'users_email',
      detail: 'Key (email)=(bob@example.com) already exists.',
    }),
  });
  const serialized = serializeError(query) as Record<string, unknown>;
  t.match(serialized, {
    type: 'Error',
    message: 'Failed query: select $1',
    cause: { code: '23505', constraint: 'users_email', message: 'duplicate key' },
  });
  t.match(serialized.stack, /redaction\.test/);
  t.notMatch(JSON.stringify(serialized), /bob@|hunter2/);
  t.notMatch(JSON.stringify(redact({ deep: { failure: query } })), /bob@|hunter2/);
});

t.test('secrets quoted in messages are scrubbed', async (t) => {
  const secrets = [
    'ik_live_abcdefghijkmnopq_ABCDEFGHJKLMNPQRSTUVWXYZabcdefgh',
    'sk-proj-abcdefghijklmnop',
    'sk-ant-api03-abcdefgh',
    'AIzaSyA1234567890abcdefghijk',
    'Bearer abc.def-ghi',
    'eyJhbGciOi.eyJzdWIi.c2ln',
    'postgres://user:hunter2@host/db',
  ];
  for (const secret of secrets) {
    const { message, stack } = serializeError(new Error(`refused: ${secret} here`)) as Record<string, string>;
    t.match(message, /^refused: .*\[redacted\].* here$/, secret);
    t.notMatch(`${message}${stack}`, secret);
    t.notMatch(`${message}${stack}`, 'hunter2');
  }
});

t.test('a problem shows its code and its cause', async (t) => {
  const cause = new Error('socket hang up');
  t.match(serializeError(problem('provider_error', { cause })), {
    type: 'ProblemError',
    code: 'provider_error',
    status: 502,
    stack: undefined,
    cause: { message: 'socket hang up' },
  });
  t.equal(serializeError('text'), 'text');
});
