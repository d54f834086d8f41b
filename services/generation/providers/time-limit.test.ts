import { once } from 'node:events';
import { connect } from 'node:net';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { startTimeLimit } from './time-limit.ts';

/** Answers each chunk at once, also while the test's thread stands still. */
const ECHO = `
  const { parentPort } = require('node:worker_threads');
  const server = require('node:net').createServer((socket) => socket.pipe(socket));
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
`;

t.test('given a process that stood still, then what has arrived meanwhile counts as in time', async (t) => {
  const worker = new Worker(ECHO, { eval: true });
  t.teardown(() => worker.terminate());
  const [port] = await once(worker, 'message');
  const socket = connect(port, '127.0.0.1');
  t.teardown(() => socket.destroy());
  await once(socket, 'connect');

  const limit = startTimeLimit(new AbortController().signal, { timeoutMs: 200 });
  t.teardown(limit.release);
  const ended = new Promise<void>((resolve) => limit.onEnd(resolve));
  const heard = once(socket, 'data').then(() => {
    limit.progressed();
    return limit.reason();
  });
  socket.write('x');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
  t.equal(await heard, undefined, 'it goes on');
  await ended;
  t.match(limit.reason(), { kind: 'timeout' }, 'and ends when nothing else arrives');
});
