import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { answers, FOLDER, freePort, startChild } from '../children.ts';
import { PROVIDER_AUTHORIZATION, type Target } from './target.ts';

/** With any later server than this the gateway answers every stream with 500: github.com/Portkey-AI/gateway/issues/1389 */
const MANIFEST = {
  private: true,
  dependencies: { '@portkey-ai/gateway': '1.15.2' },
  overrides: { '@hono/node-server': '1.13.8' },
};
const HOME = path.join(FOLDER, 'portkey');
const PACKAGE = path.join(HOME, 'node_modules/@portkey-ai/gateway');

/** Installed into a separate folder: it is measured, not a dependency. */
async function install(): Promise<void> {
  if (existsSync(path.join(PACKAGE, 'package.json'))) return;
  mkdirSync(HOME, { recursive: true });
  writeFileSync(path.join(HOME, 'package.json'), JSON.stringify(MANIFEST));
  const flags = ['--no-package-lock', '--no-audit', '--no-fund', '--ignore-scripts', '--prefix', HOME];
  await promisify(execFile)('npm', ['install', ...flags]);
}

/** Portkey's open-source gateway, which routes and translates, and meters nothing. */
export async function startPortkey(upstreamPort: number): Promise<Target> {
  await install();
  const { version } = JSON.parse(readFileSync(path.join(PACKAGE, 'package.json'), 'utf8')) as {
    version: string;
  };
  const port = await freePort();
  const child = await startChild({
    name: 'portkey',
    script: path.join(PACKAGE, 'build/start-server.js'),
    args: [`--port=${port}`, '--headless'],
    env: { NODE_ENV: 'production' },
    isReady: () => answers(`http://127.0.0.1:${port}/`),
  });
  return {
    name: `Portkey ${version}`,
    addresses: [`127.0.0.1:${port}`],
    path: '/v1/chat/completions',
    headers: {
      authorization: PROVIDER_AUTHORIZATION,
      'x-portkey-provider': 'openai',
      'x-portkey-custom-host': `http://127.0.0.1:${upstreamPort}/v1`,
    },
    processes: [child.pid],
    stop: child.stop,
  };
}
