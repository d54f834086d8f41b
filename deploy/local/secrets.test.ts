import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import t from 'tap';
import { parseApiKey } from '#libs/auth/api-key.ts';
import { databasePasswordOf, readOrCreateSecrets } from './secrets.ts';

t.test('given no file, secrets are created once and readable by their owner only', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'secrets-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, 'secrets.json');
  const secrets = readOrCreateSecrets(file);
  t.equal(statSync(file).mode & 0o777, 0o600);
  t.ok(parseApiKey(secrets.demoApiKey), 'the demo key is a key');
  t.match(JSON.parse(secrets.jwtKeys), [{ kty: 'OKP', crv: 'Ed25519', d: String, x: String }]);
  t.strictSame(readOrCreateSecrets(file), secrets, 'and kept');

  const passwords = (['gateway', 'billing', 'usage-metering', 'generation'] as const).map((service) =>
    databasePasswordOf(service, secrets.serviceDatabasePassword),
  );
  t.equal(new Set([...passwords, secrets.serviceDatabasePassword]).size, 5, 'a password for each service');

  const { internalSecret, ...older } = secrets;
  writeFileSync(file, JSON.stringify(older));
  const updated = readOrCreateSecrets(file);
  t.match(updated, older, 'what an older version made stays');
  t.not(updated.internalSecret, internalSecret, 'what it did not know is added');

  writeFileSync(file, '{"postgresPassword": ');
  t.throws(() => readOrCreateSecrets(file), /cannot be read/, 'a damaged file is never overwritten');
  t.match(readFileSync(file, 'utf8'), 'postgresPassword');
});
