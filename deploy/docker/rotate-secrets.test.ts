/** Each step of a rotation restarts processes one by one, so those of two neighbouring steps must accept each other. */
import path from 'node:path';
import Fastify from 'fastify';
import t from 'tap';
import { z } from 'zod';
import { createInternalIdentity } from '#libs/auth/internal-identity.ts';
import { createSecretBox } from '#libs/auth/secret-box.ts';
import { loadConfig } from '#libs/config/config.ts';
import { encryptionKeys } from '#libs/config/variables.ts';
import type { ServiceName } from '#libs/contracts/internal-context.ts';
import { backendVariables } from '#libs/service/backend-variables.ts';
import { createAccessTokens } from '#services/gateway/auth/access-tokens.ts';
import { configSchema, toGatewayConfig } from '#services/gateway/config.ts';
import { type RotatedName, rotateSecret, STEPS } from './rotate-secrets.ts';
import { writeSecrets } from './write-secrets.ts';

const NOW = new Date('2026-11-27T12:00:00Z');
const SESSION = {
  userId: '01a21b37-9aa1-75a2-b51c-1db230e1870d',
  accountId: '01a21b37-9aa1-75a2-b51c-1db230e1870e',
  sessionId: '01a21b37-9aa1-75a2-b51c-1db230e1870f',
};
const REQUEST = { method: 'GET', path: '/internal/v1/plans' };

/** The environment of a container: secrets are files. */
const environmentOf = (folder: string, service: ServiceName) => ({
  DATABASE_URL: 'postgres://h/d',
  EMAIL_VERIFICATION: 'off',
  INTERNAL_KEYS_FILE: path.join(folder, `internal-keys-${service}`),
  JWT_KEYS_FILE: path.join(folder, 'jwt-keys'),
});

/** What processes do that start now: with the files before the rotation, and after each step. */
async function throughRotation<Process>(
  folder: string,
  name: RotatedName,
  start: () => Process | Promise<Process>,
): Promise<Process[]> {
  const processes = [await start()];
  for (const step of STEPS) {
    rotateSecret(folder, name, step);
    processes.push(await start());
  }
  return processes;
}

type Assertions = Pick<typeof t, 'ok' | 'notOk'>;

/** @param isAccepted whether what the process at `from` signs is accepted by the one at `to`. */
function checkOverlap(t: Assertions, count: number, isAccepted: (from: number, to: number) => boolean): void {
  for (let from = 0; from < count; from += 1) {
    for (const to of [from - 1, from, from + 1].filter((one) => one >= 0 && one < count)) {
      t.ok(isAccepted(from, to), `step ${from} is accepted at step ${to}`);
    }
  }
  t.notOk(isAccepted(0, count - 1), 'the old key is refused after the last step');
  t.notOk(isAccepted(count - 1, 0), 'and the new one before the first');
}

t.test('access tokens', async (t) => {
  const folder = t.testdir();
  writeSecrets(folder, { database: 'h:5432/d' });
  const gateways = await throughRotation(folder, 'jwt-keys', async () => {
    const config = toGatewayConfig(loadConfig(configSchema, environmentOf(folder, 'gateway')));
    const app = Fastify();
    t.teardown(() => app.close());
    const tokens = createAccessTokens(app, { now: () => NOW }, config.accessTokens);
    await app.ready();
    return tokens;
  });
  const tokens = gateways.map((gateway) => gateway.sign(SESSION));
  checkOverlap(t, gateways.length, (from, to) => {
    try {
      return gateways[to]?.verify(tokens[from] ?? '').session.userId === SESSION.userId;
    } catch {
      return false;
    }
  });
});

t.test('requests between services', async (t) => {
  const folder = t.testdir();
  writeSecrets(folder, { database: 'h:5432/d' });
  const start = (service: ServiceName) => {
    const { INTERNAL_KEYS: keys } = loadConfig(z.object(backendVariables()), environmentOf(folder, service));
    return createInternalIdentity({ service, keys, now: () => NOW });
  };
  const installations = await throughRotation(folder, 'internal-keys', () => ({
    headers: {
      gateway: start('gateway').signFor('billing'),
      generation: start('generation').signFor('billing'),
    },
    billing: start('billing'),
  }));
  for (const sender of ['gateway', 'generation'] as const) {
    const headers = installations.map((installation) => installation.headers[sender](REQUEST));
    checkOverlap(
      t,
      installations.length,
      (from, to) => installations[to]?.billing.verify(headers[from] ?? '', REQUEST).ok ?? false,
    );
  }
});

t.test('encrypted secrets', async (t) => {
  const folder = t.testdir();
  writeSecrets(folder, { database: 'h:5432/d' });
  const schema = z.object({ ENCRYPTION_KEYS: encryptionKeys() });
  const boxes = await throughRotation(folder, 'encryption-keys', () =>
    createSecretBox(
      loadConfig(schema, { ENCRYPTION_KEYS_FILE: path.join(folder, 'encryption-keys') }).ENCRYPTION_KEYS,
    ),
  );
  const sealed = boxes.map((box) => box.seal('secret', 'row'));
  checkOverlap(t, boxes.length, (from, to) => {
    try {
      return boxes[to]?.open(sealed[from] ?? '', 'row') === 'secret';
    } catch {
      return false;
    }
  });
});

t.test('steps out of order are refused', async (t) => {
  const folder = t.testdir();
  writeSecrets(folder, { database: 'h:5432/d' });
  t.throws(() => rotateSecret(folder, 'jwt-keys', 'promote'), /Begin a rotation with the step add/);
  rotateSecret(folder, 'jwt-keys', 'add');
  t.throws(() => rotateSecret(folder, 'jwt-keys', 'add'), /Finish the rotation/);
});
