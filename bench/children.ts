/** Processes of the benchmark: started with this Node, logged to files, stopped with the benchmark. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { processEnv } from '#libs/config/env.ts';

export const FOLDER = fileURLToPath(new URL('../.inkmeter/bench', import.meta.url));
const LOGS = path.join(FOLDER, 'logs');
const READY_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 30_000;
const POLL_MS = 50;

export type Child = {
  pid: number;
  process: ChildProcess;
  /** SIGTERM, and SIGKILL after half a minute. Safe to repeat. */
  stop: () => Promise<void>;
};

export type ChildOptions = {
  /** Names the log file. */
  name: string;
  /** Absolute path of the script. */
  script: string;
  args?: readonly string[];
  nodeFlags?: readonly string[];
  env?: Readonly<Record<string, string>>;
  /** Polled until true; without it, the child reports readiness in its first message. */
  isReady?: () => Promise<boolean>;
};

/** The absolute path of a script of the benchmark. */
export const benchPath = (file: string) => fileURLToPath(new URL(file, import.meta.url));

/** @throws Error with the end of its log when the child is not ready in time. */
export async function startChild(options: ChildOptions): Promise<Child> {
  const { name, script, args = [], nodeFlags = [], env = {}, isReady } = options;
  mkdirSync(LOGS, { recursive: true });
  const logFile = path.join(LOGS, `${name}.log`);
  const log = openSync(logFile, 'w');
  const child = spawn(process.execPath, [...nodeFlags, script, ...args], {
    env: { ...processEnv(), ...env },
    stdio: ['ignore', log, log, 'ipc'],
    serialization: 'advanced',
  });
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  let saidReady = false;
  child.once('message', () => {
    saidReady = true;
  });
  const deadline = AbortSignal.timeout(READY_TIMEOUT_MS);
  while (!(isReady ? await isReady() : saidReady)) {
    if (child.exitCode !== null || child.pid === undefined || deadline.aborted) {
      child.kill('SIGKILL');
      throw new Error(
        `${name} did not start. The end of ${logFile}:\n${readFileSync(logFile, 'utf8').slice(-2_000)}`,
      );
    }
    await delay(POLL_MS);
  }
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await ended;
    clearTimeout(timer);
  };
  return { pid: child.pid as number, process: child, stop };
}

/** A port that was free at the time of the call. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

/** Whether a server responds. */
export async function answers(url: string, isGood = (_status: number) => true): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(1_000) });
    await response.body?.cancel();
    return isGood(response.status);
  } catch {
    return false;
  }
}
