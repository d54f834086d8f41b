import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import t, { type Test } from 'tap';

type Line = { readonly msg: string; readonly [field: string]: unknown };

/** Starts the fixture as a process; `line` resolves when a line with that message has been logged. */
function start(test: Test, env: Record<string, string> = {}) {
  const child = fork(new URL('run-service.fixture.ts', import.meta.url), {
    env: { ...process.env, PORT: '0', SHUTDOWN_TIMEOUT: '5s', ...env },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  test.teardown(() => child.kill('SIGKILL'));
  const lines: Line[] = [];
  const waiting = new Map<string, (line: Line) => void>();
  if (child.stdout === null) throw new Error('no output');
  createInterface(child.stdout).on('line', (text) => {
    const line = JSON.parse(text) as Line;
    lines.push(line);
    waiting.get(line.msg)?.(line);
  });
  const line = (message: string): Promise<Line> => {
    const seen = lines.find(({ msg }) => msg === message);
    return seen ? Promise.resolve(seen) : new Promise((resolve) => waiting.set(message, resolve));
  };
  const drained = once(child.stdout, 'close');
  const exited = once(child, 'exit').then(async ([code]) => {
    await drained;
    return code as number | null;
  });
  return { child, lines, line, exited };
}

const messages = (lines: readonly Line[]) => lines.map(({ msg }) => msg);
const ready = async ({ line }: { line: (message: string) => Promise<Line> }) => {
  const { port, operations_port: operationsPort } = await line('fixture is ready');
  return { url: `http://127.0.0.1:${port}`, operations: `http://127.0.0.1:${operationsPort}` };
};

t.test('serves, then stops in order without losing a request', async (t) => {
  // given a service that is ready and has a request in flight
  const service = start(t, { DRAIN_DELAY: '50ms' });
  const { url, operations } = await ready(service);
  t.equal((await fetch(`${operations}/ready`)).status, 200);
  const slow = fetch(`${url}/slow`);
  await service.line('slow request arrived');
  // when it receives SIGTERM
  service.child.kill('SIGTERM');
  await service.line('fixture is stopping');
  t.equal((await fetch(`${operations}/ready`)).status, 503, 'not ready while draining');
  // then the request is answered, and the phases ran in their order
  t.strictSame(await (await slow).json(), { slow: true });
  t.equal(await service.exited, 0);
  const order = [
    'jobs started',
    'fixture is stopping',
    'jobs stopped',
    'flushed',
    'pools closed',
    'fixture has stopped',
  ];
  t.strictSame(
    messages(service.lines).filter((message) => order.includes(message)),
    order,
  );
});

t.test('a second signal ends it at once', async (t) => {
  const service = start(t, { DRAIN_DELAY: '60s' });
  await ready(service);
  service.child.kill('SIGINT');
  await service.line('fixture is stopping');
  service.child.kill('SIGINT');
  t.equal(await service.exited, 130);
});

t.test('a failed start cleans up and fails', async (t) => {
  const service = start(t, { MODE: 'start fails' });
  t.equal(await service.exited, 1);
  t.match(messages(service.lines), /fixture could not start/);
  t.ok(messages(service.lines).includes('pools closed'));
});

t.test('a failed phase does not keep the others from running', async (t) => {
  const service = start(t, { MODE: 'flush fails' });
  await ready(service);
  service.child.kill('SIGTERM');
  t.equal(await service.exited, 1);
  t.ok(messages(service.lines).includes('pools closed'));
});

t.test('an uncaught exception stops it in order', async (t) => {
  const service = start(t);
  const { url } = await ready(service);
  await fetch(`${url}/throw`);
  t.equal(await service.exited, 1);
  t.match(await service.line('uncaught exception'), { level: 'fatal', err: { message: 'a bug' } });
  t.ok(messages(service.lines).includes('pools closed'));
});

t.test('it does not outlive its parent', async (t) => {
  const service = start(t);
  await ready(service);
  (service.child as ChildProcess).disconnect();
  t.equal(await service.exited, 0);
});
