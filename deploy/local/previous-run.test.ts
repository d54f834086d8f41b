import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import t from 'tap';
import { identify, isAlive } from '#libs/embedded/process-identity.ts';
import { beginRun } from './previous-run.ts';

t.test('given a run that is alive, a second is refused until it ends', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'run-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const run = await beginRun(folder);
  await t.rejects(beginRun(folder), `(process ${process.pid})`);
  run.release();
  (await beginRun(folder)).release();
});

t.test('given a run that was killed, the next waits for its processes', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'run-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const leftover = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  const identity = identify(leftover.pid);
  const reused = { ...identify(), startedAt: '1' };
  writeFileSync(path.join(folder, 'run.lock'), JSON.stringify(reused));
  writeFileSync(path.join(folder, 'run.json'), JSON.stringify([identity, reused]));
  const begun = beginRun(folder);
  leftover.kill('SIGTERM');
  const run = await begun;
  t.notOk(isAlive(identity));
  run.release();
});
