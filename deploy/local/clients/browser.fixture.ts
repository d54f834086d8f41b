/** A page of another origin in Chromium, which can import the OpenAI SDK as its package has it. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { chromium, type Page } from 'playwright-core';
import { processEnv } from '#libs/config/env.ts';
import type { TestScope } from '#libs/testing/database.ts';

const PACKAGE = path.resolve(import.meta.dirname, '../../../node_modules/openai');
const { CHROMIUM } = processEnv();
const executablePath = [CHROMIUM ?? '/usr/bin/chromium', '/usr/bin/chromium-browser'].find((file) =>
  existsSync(file),
);

/** Why the test of a browser cannot run here; `false` if it can. */
export const NO_BROWSER = executablePath === undefined && 'no browser is installed';

/** Serves an empty page, and the package at `/openai/`. @returns its origin. */
export async function servePage(t: TestScope): Promise<string> {
  const server = createServer(async (request, response) => {
    const [, file] = /^\/openai\/([\w/-]+\.mjs)$/.exec(request.url ?? '') ?? [];
    if (file === undefined) return response.setHeader('content-type', 'text/html').end('<title>Page</title>');
    response.setHeader('content-type', 'text/javascript').end(await readFile(path.join(PACKAGE, file)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

export async function openPage(t: TestScope, url: string): Promise<Page> {
  const browser = await chromium.launch({
    ...(executablePath !== undefined && { executablePath }),
    args: ['--no-sandbox'],
  });
  t.teardown(() => browser.close());
  const page = await browser.newPage();
  await page.goto(url);
  return page;
}
