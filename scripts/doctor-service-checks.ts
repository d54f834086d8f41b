/** The checks of what the services' environment configures, by `npm run doctor`. Each changes nothing, and says what to do. */
import { existsSync } from 'node:fs';
import { Valkey } from 'iovalkey';
import { createTransport } from 'nodemailer';
import type { Pool } from 'pg';
import type { Environment } from '#libs/config/env.ts';
import { createDatabase } from '#libs/db/database.ts';
import { createS3Storage } from '#libs/storage/s3-storage.ts';
import { createCatalogueVersions } from '#services/billing/catalogues/versions-store.ts';
import { createStripeClient } from '#services/billing/payments/stripe/client.ts';
import { planPublication } from '#services/billing/payments/stripe/publish.ts';
import { type Check, type Finding, failed, notSetUp, ok, TIMEOUT_MS, warning } from './doctor-checks.ts';

/** What the environment of the services configures. */
export function serviceChecks(env: Environment, pool: Pool): Check[] {
  return [
    { name: 'Stripe', run: () => checkStripe(env, pool) },
    { name: 'mail', run: () => checkMail(env) },
    { name: 'Valkey', run: () => checkValkey(env) },
    { name: 'spool', run: () => checkSpool(env) },
    { name: 'stored files', run: () => checkStorage(env) },
    ...PROVIDERS.map(({ name, ...provider }) => ({ name, run: () => checkProvider(env, provider) })),
  ];
}

async function checkStripe({ STRIPE_SECRET_KEY, STRIPE_HOST }: Environment, pool: Pool): Promise<Finding> {
  if (!STRIPE_SECRET_KEY) return notSetUp('payments are recorded by staff (STRIPE_SECRET_KEY)');
  const stripe = createStripeClient({
    secretKey: STRIPE_SECRET_KEY,
    ...(STRIPE_HOST && { host: STRIPE_HOST }),
  });
  const active = await createCatalogueVersions().active(createDatabase(pool));
  const steps = active === undefined ? [] : await planPublication(stripe, active.catalogue);
  if (steps.length === 0) return ok('the key works, and products and prices match the catalogue');
  return warning(
    `${steps.length} products or prices differ`,
    'Run npm run stripe -- sync --dry-run, then sync.',
  );
}

async function checkMail({ SMTP_URL }: Environment): Promise<Finding> {
  if (!SMTP_URL) return notSetUp('no mails are sent (SMTP_URL)');
  if (SMTP_URL.startsWith('http')) return ok('mails go to the mailbox of npm start');
  await createTransport({
    url: SMTP_URL,
    connectionTimeout: TIMEOUT_MS,
    greetingTimeout: TIMEOUT_MS,
  }).verify();
  return ok('the server accepts the login');
}

async function checkValkey({ VALKEY_URL }: Environment): Promise<Finding> {
  if (!VALKEY_URL) return notSetUp('rate limits are counted in PostgreSQL (VALKEY_URL)');
  const client = new Valkey(VALKEY_URL, {
    lazyConnect: true,
    connectTimeout: TIMEOUT_MS,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  // The reason; the commands only say that the connection is closed.
  let cause: Error | undefined;
  client.on('error', (error) => {
    cause = error;
  });
  try {
    await client.connect();
    await client.eval('return 1', 0);
    return ok('it answers, and runs scripts');
  } catch (error) {
    return failed(
      String(cause ?? error),
      'Until it answers, gateways count in PostgreSQL. Check VALKEY_URL and its password.',
    );
  } finally {
    client.disconnect();
  }
}

type Provider = {
  keyVariable: string;
  urlVariable: string;
  defaultUrl: string;
  /** A request that needs the key and costs nothing. */
  path: string;
  headers: (key: string) => Record<string, string>;
};

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

const PROVIDERS: (Provider & { name: string })[] = [
  {
    name: 'OpenAI',
    keyVariable: 'OPENAI_API_KEY',
    urlVariable: 'OPENAI_BASE_URL',
    defaultUrl: 'https://api.openai.com/v1',
    path: '/models',
    headers: bearer,
  },
  {
    name: 'Anthropic',
    keyVariable: 'ANTHROPIC_API_KEY',
    urlVariable: 'ANTHROPIC_BASE_URL',
    defaultUrl: 'https://api.anthropic.com',
    path: '/v1/models',
    headers: (key) => ({ 'x-api-key': key, 'anthropic-version': '2023-06-01' }),
  },
  {
    name: 'Gemini',
    keyVariable: 'GEMINI_API_KEY',
    urlVariable: 'GEMINI_BASE_URL',
    defaultUrl: 'https://generativelanguage.googleapis.com',
    path: '/v1beta/models',
    headers: (key) => ({ 'x-goog-api-key': key }),
  },
  {
    name: 'xAI',
    keyVariable: 'XAI_API_KEY',
    urlVariable: 'XAI_BASE_URL',
    defaultUrl: 'https://api.x.ai/v1',
    path: '/models',
    headers: bearer,
  },
  {
    name: 'Mistral',
    keyVariable: 'MISTRAL_API_KEY',
    urlVariable: 'MISTRAL_BASE_URL',
    defaultUrl: 'https://api.mistral.ai/v1',
    path: '/models',
    headers: bearer,
  },
];

async function checkProvider(env: Environment, provider: Provider): Promise<Finding> {
  const key = env[provider.keyVariable];
  if (!key) return notSetUp(`its models cannot be called (${provider.keyVariable})`);
  const url = `${env[provider.urlVariable] || provider.defaultUrl}${provider.path}`;
  const response = await fetch(url, {
    headers: provider.headers(key),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  await response.body?.cancel();
  if (response.ok) return ok('the key works');
  if (response.status === 401 || response.status === 403)
    return failed(`it refuses the key (${response.status})`, `Replace ${provider.keyVariable}.`);
  return warning(`${provider.path} answered ${response.status}`, "See the provider's status page.");
}

/** Whether generation can keep settlements through an outage of the database. */
async function checkSpool({ SPOOL_DIR }: Environment): Promise<Finding> {
  if (!SPOOL_DIR) return notSetUp('settlements wait in .inkmeter/spool (SPOOL_DIR)');
  return existsSync(SPOOL_DIR)
    ? ok(SPOOL_DIR)
    : failed(`${SPOOL_DIR} does not exist`, 'Create it on a disk that survives the process.');
}

/** Reads a file that does not exist: a bucket answers that only to a key that may read it. */
async function checkStorage(env: Environment): Promise<Finding> {
  const { S3_BUCKET: bucket, MEDIA_DIR: folder } = env;
  if (!bucket) {
    if (!folder) return notSetUp('files are in .inkmeter/media (MEDIA_DIR or S3_BUCKET)');
    return existsSync(folder)
      ? ok(`${folder}, which all generation processes must share`)
      : failed(`${folder} does not exist`, 'Create it on a disk that all generation processes share.');
  }
  const storage = createS3Storage({
    bucket,
    endpoint: env.S3_ENDPOINT || 'https://s3.amazonaws.com',
    region: env.S3_REGION || 'us-east-1',
    accessKeyId: env.S3_ACCESS_KEY_ID ?? '',
    secretAccessKey: env.S3_SECRET_ACCESS_KEY ?? '',
  });
  try {
    await storage.get('inkmeter/doctor');
    return ok(`the bucket ${bucket} can be read`);
  } catch (error) {
    return failed(
      error instanceof Error ? error.message : String(error),
      'Check S3_ENDPOINT and S3_REGION, and that the key may read, write and delete in the bucket.',
    );
  }
}
