import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { identify, isAlive, type ProcessIdentity } from '#libs/embedded/process-identity.ts';
import { createSupervisor, type Program, scriptPath } from './supervisor.ts';

/** Writes its pid when it runs, then executes the body of the test. */
const toy = (body: string) => `
  import { writeFileSync, appendFileSync } from 'node:fs';
  const folder = process.env.FOLDER;
  const note = (text) => appendFileSync(folder + '/notes', text + '\\n');
  const ready = () => writeFileSync(folder + '/pid', String(process.pid));
  setInterval(() => {}, 1000);
  ${body}
`;
const POLITE = toy(`process.on('SIGTERM', () => { note('polite ended'); process.exit(0); }); ready();`);
const STUBBORN = toy(
  `process.on('SIGTERM', () => note('refused')); process.on('disconnect', () => {}); ready();`,
);

function makeToy(t: Tap, name: string, source: string): { folder: string; program: Program } {
  const folder = mkdtempSync(path.join(tmpdir(), 'supervisor-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const script = path.join(folder, `${name}.mjs`);
  writeFileSync(script, source);
  return {
    folder,
    program: {
      name,
      script,
      env: { ...process.env, FOLDER: folder },
      logFile: path.join(folder, 'toy.log'),
      isReady: async () => existsSync(path.join(folder, 'pid')),
    },
  };
}

type Tap = { teardown: (end: () => unknown) => void };

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await delay(10);
}

const readIdentity = (folder: string): ProcessIdentity =>
  identify(Number(readFileSync(path.join(folder, 'pid'), 'utf8') || 0));

t.test('given a program that crashes, it is restarted and the operator is notified', async (t) => {
  const { folder, program } = makeToy(t, 'polite', POLITE);
  const said: string[] = [];
  let running: ProcessIdentity[] = [];
  const ended: [number | undefined, string][] = [];
  const killed: number[] = [];
  const supervisor = createSupervisor({
    say: (line) => said.push(line),
    onProcesses: (processes) => {
      running = processes;
    },
    onExit: (pid, reason) => ended.push([pid, reason]),
    restartDelayMs: 1,
  });
  t.teardown(() => supervisor.stop());
  await supervisor.start(program);
  for (let round = 0; round < 3; round++) {
    const { pid } = readIdentity(folder);
    t.strictSame(
      running.map((process) => process.pid),
      [pid],
    );
    process.kill(pid, 'SIGKILL');
    killed.push(pid);
    await until(() => readIdentity(folder).pid !== pid && running.length === 1);
  }
  t.strictSame(
    ended,
    killed.map((pid) => [pid, 'SIGKILL']),
  );
  t.strictSame(said, [
    '[polite] exited (SIGKILL); restarting in 1 ms',
    '[polite] exited (SIGKILL); restarting in 2 ms',
    '[polite] exited (SIGKILL); restarting in 4 ms',
  ]);
  const last = readIdentity(folder);
  await supervisor.stop();
  t.notOk(isAlive(last), 'not restarted');
  t.strictSame(running, []);
  t.match(readFileSync(path.join(folder, 'notes'), 'utf8'), 'polite ended');
});

t.test(
  'given several programs, they are stopped in reverse order, an unresponsive one with SIGKILL',
  async (t) => {
    const order: string[] = [];
    const first = makeToy(t, 'first', POLITE);
    const second = makeToy(t, 'second', STUBBORN);
    const said: string[] = [];
    const supervisor = createSupervisor({ say: (line) => said.push(line), stopTimeoutMs: 2_000 });
    await Promise.all([supervisor.start(first.program), supervisor.start(second.program)]);
    const [one, two] = [readIdentity(first.folder), readIdentity(second.folder)];
    const watch = setInterval(() => {
      if (!isAlive(two) && !order.includes('second')) order.push('second');
      if (!isAlive(one) && !order.includes('first')) order.push('first');
    }, 1);
    await supervisor.stop();
    clearInterval(watch);
    t.notOk(isAlive(one) || isAlive(two), 'both are gone');
    t.equal(order[0], 'second');
    t.match(readFileSync(path.join(second.folder, 'notes'), 'utf8'), 'refused');
    t.strictSame(said, ['[second] did not stop in 2000 ms; killing it']);
  },
);

t.test('given a program that cannot start, the start fails with the end of its log', async (t) => {
  const { program } = makeToy(t, 'broken', `console.error('port is taken'); process.exit(3);`);
  const supervisor = createSupervisor({ say: () => undefined });
  await t.rejects(supervisor.start(program), /broken ended while it was starting[\s\S]*port is taken/);
  await supervisor.stop();
});

t.test('given a program that is never ready, the start fails and the program is stopped', async (t) => {
  const { folder, program } = makeToy(t, 'slow', POLITE);
  const supervisor = createSupervisor({ say: () => undefined, readyTimeoutMs: 1_000 });
  await t.rejects(supervisor.start({ ...program, isReady: async () => false }), /slow is not ready in time/);
  t.notOk(isAlive(readIdentity(folder)));
  await supervisor.stop();
});

t.test('given errors in a log, the operator sees only them', async (t) => {
  const lines = [
    JSON.stringify({ level: 'info', msg: 'quiet' }),
    JSON.stringify({ level: 'error', msg: 'loud', err: { message: 'because' } }),
    'Warning: plain text',
  ];
  const { program } = makeToy(t, 'noisy', toy(`console.log(${JSON.stringify(lines.join('\n'))}); ready();`));
  const said: string[] = [];
  const supervisor = createSupervisor({ say: (line) => said.push(line) });
  await supervisor.start(program);
  await supervisor.stop();
  t.strictSame(said, ['[noisy] loud: because', '[noisy] Warning: plain text']);
});

for (const [name, source, signal] of [
  ['polite', POLITE, 'SIGKILL'],
  ['without a handler', toy('ready();'), 'SIGKILL'],
  ['polite', POLITE, 'SIGTERM'],
] as const) {
  t.test(`given a supervisor that gets ${signal}, its program (${name}) is gone soon after`, async (t) => {
    const { folder, program } = makeToy(t, 'toy', source);
    const fixture = scriptPath('deploy/local/supervisor.fixture.ts');
    const supervisor = spawn(process.execPath, [fixture, program.script, folder], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(supervisor, 'exit');
    await once(supervisor.stdout, 'data');
    const child = readIdentity(folder);
    t.ok(isAlive(child));
    supervisor.kill(signal);
    await exited;
    await until(() => !isAlive(child));
    t.pass('gone');
  });
}
