import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { identify, type ProcessIdentity } from '#libs/embedded/process-identity.ts';
import { endOfLog, followLog, openLog, pickError } from './log-tail.ts';

const PRELOAD = new URL('../../libs/service/preload.ts', import.meta.url).href;
const GUARD = new URL('./die-with-parent.ts', import.meta.url).href;
const READY_POLL_MS = 50;

export type Program = {
  name: string;
  /** A TypeScript file to run with this Node. */
  script: string;
  /** The complete environment of the process. */
  env: NodeJS.ProcessEnv;
  /** Its output is appended to this file. */
  logFile: string;
  /** Whether it is ready; polled until true. */
  isReady: () => Promise<boolean>;
};

export type SupervisorOptions = {
  /** Shows the operator errors, crashes and restarts of the programs. */
  say: (line: string) => void;
  /** Called when a process has started or ended. */
  onProcesses?: (running: ProcessIdentity[]) => void;
  /** Called when a process has ended, with its signal or exit code as text. */
  onExit?: (pid: number | undefined, reason: string) => void;
  /** Delay before the first restart, doubled with each crash up to 10 s; 250 ms by default. */
  restartDelayMs?: number;
  /** Uptime after which the delay is reset; 30 s by default. */
  stableAfterMs?: number;
  /** Maximum time to become ready; 30 s by default. */
  readyTimeoutMs?: number;
  /** Maximum time between SIGTERM and exit, before SIGKILL; 15 s by default. */
  stopTimeoutMs?: number;
};

export type Supervisor = {
  /**
   * Starts a program and restarts it whenever it exits unexpectedly. Resolves when it is ready.
   *
   * @throws Error with the end of its log if it exits before it is ready, or is not ready in time.
   */
  start: (program: Program) => Promise<void>;
  /** Stops all programs in reverse start order and waits for each. Safe to repeat. */
  stop: () => Promise<void>;
  /** Kills all remaining programs at once, for an operator who asks twice. */
  kill: () => void;
};

type Supervised = {
  program: Program;
  child: ChildProcess | null;
  exited: Promise<void>;
  wasReady: boolean;
  crashes: number;
  endFollowing: () => void;
};

const MAX_RESTART_DELAY_MS = 10_000;

/** Keeps programs running and stops them together. No program outlives the supervisor. */
export function createSupervisor(options: SupervisorOptions): Supervisor {
  const firstDelayMs = options.restartDelayMs ?? 250;
  const stableAfterMs = options.stableAfterMs ?? 30_000;
  const readyTimeoutMs = options.readyTimeoutMs ?? 30_000;
  const stopTimeoutMs = options.stopTimeoutMs ?? 15_000;
  const all: Supervised[] = [];
  const running = new Map<ChildProcess, ProcessIdentity>();
  const stopping = new AbortController();
  let stopped: Promise<void> | undefined;

  const report = () => options.onProcesses?.([...running.values()]);

  function launch(supervised: Supervised): void {
    const { program } = supervised;
    const log = openLog(program.logFile);
    const child = spawn(process.execPath, ['--import', PRELOAD, '--import', GUARD, program.script], {
      env: program.env,
      // Its own process group: Ctrl-C reaches only the supervisor, which stops the programs in order.
      detached: true,
      stdio: ['ignore', log, log, 'ipc'],
    });
    closeSync(log);
    supervised.child = child;
    if (child.pid !== undefined) running.set(child, identify(child.pid));
    report();
    const startedAtMs = performance.now();
    supervised.exited = new Promise((resolve) => {
      const ended = (reason: string) => {
        supervised.child = null;
        running.delete(child);
        options.onExit?.(child.pid, reason);
        report();
        resolve();
        if (supervised.wasReady && !stopping.signal.aborted)
          void restart(supervised, reason, performance.now() - startedAtMs);
      };
      child.once('error', (error) => ended(error.message));
      child.once('exit', (code, signal) => ended(signal ?? `exit code ${code}`));
    });
  }

  async function restart(supervised: Supervised, reason: string, aliveMs: number): Promise<void> {
    if (aliveMs >= stableAfterMs) supervised.crashes = 0;
    const pauseMs = Math.min(firstDelayMs * 2 ** supervised.crashes, MAX_RESTART_DELAY_MS);
    supervised.crashes += 1;
    options.say(`[${supervised.program.name}] exited (${reason}); restarting in ${pauseMs} ms`);
    await delay(pauseMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    if (!stopping.signal.aborted) launch(supervised);
  }

  async function start(program: Program): Promise<void> {
    closeSync(openLog(program.logFile));
    const endFollowing = followLog(program.logFile, (line) => {
      const error = pickError(line);
      if (error !== null) options.say(`[${program.name}] ${error}`);
    });
    const supervised: Supervised = {
      program,
      child: null,
      exited: Promise.resolve(),
      wasReady: false,
      crashes: 0,
      endFollowing,
    };
    all.push(supervised);
    launch(supervised);
    const deadline = AbortSignal.timeout(readyTimeoutMs);
    while (!(await program.isReady())) {
      if (stopping.signal.aborted) throw new Error(`${program.name} was stopped while it was starting.`);
      if (supervised.child === null || deadline.aborted) await giveUp(supervised, deadline.aborted);
      await delay(READY_POLL_MS);
    }
    supervised.wasReady = true;
    if (supervised.child === null) void restart(supervised, 'right after it was ready', 0);
  }

  async function giveUp({ program, child, exited }: Supervised, isLate: boolean): Promise<never> {
    child?.kill('SIGKILL');
    await exited;
    const problem = isLate ? 'is not ready in time' : 'ended while it was starting';
    throw new Error(
      `${program.name} ${problem}. The end of ${program.logFile}:\n${endOfLog(program.logFile)}`,
    );
  }

  async function stopOne(supervised: Supervised): Promise<void> {
    const { child, program } = supervised;
    if (child !== null) {
      child.kill('SIGTERM');
      const timer = setTimeout(() => {
        options.say(`[${program.name}] did not stop in ${stopTimeoutMs} ms; killing it`);
        child.kill('SIGKILL');
      }, stopTimeoutMs);
      await supervised.exited;
      clearTimeout(timer);
    }
    supervised.endFollowing();
  }

  async function stopAll(): Promise<void> {
    stopping.abort();
    for (const supervised of all.toReversed()) await stopOne(supervised);
  }

  return {
    start,
    stop: () => {
      stopped ??= stopAll();
      return stopped;
    },
    kill: () => {
      stopping.abort();
      for (const child of running.keys()) child.kill('SIGKILL');
    },
  };
}

/** The absolute path of a script of this repository. */
export function scriptPath(path: string): string {
  return fileURLToPath(new URL(`../../${path}`, import.meta.url));
}
