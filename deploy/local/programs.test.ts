import t from 'tap';
import { loadConfig } from '#libs/config/config.ts';
import { configSchema } from './config.ts';
import { definePrograms, simulatorUrl } from './programs.ts';
import { chooseProviders } from './providers.ts';
import { renderScreen } from './screen.ts';

const secrets = {
  postgresPassword: 'pg',
  serviceDatabasePassword: 'service',
  internalSecret: 'internal',
  encryptionKey: 'encryption-key',
  jwtKeys: '[{}]',
  stripeWebhookSecret: 'whsec',
  demoApiKey: 'ik_live_demo',
  demoOwnerPassword: 'owner-password',
  demoMemberPassword: 'member-password',
  demoStaffPassword: 'staff-password',
};

function define(env: Record<string, string>) {
  const variables = loadConfig(configSchema, env);
  const providers = chooseProviders(env, simulatorUrl(variables));
  const options = { env, variables, secrets, providers, databaseUrl: 'postgres://db', logFolder: '/logs' };
  return { providers, programs: definePrograms(options) };
}

t.test('given no keys, everything is simulated and the gateway stops first', async (t) => {
  const { programs, providers } = define({ OTHER: 'kept', PORT: '7000', OPERATIONS_PORT: '1' });
  t.strictSame(
    programs.map(({ name, ports }) => [name, ...ports.map(({ port }) => port)]),
    [
      ['simulator', 8090],
      ['billing', 8081, 9081],
      ['usage-metering', 8082, 9082],
      ['generation', 8083, 9083],
      ['gateway', 7000, 8000],
    ],
  );
  const [, billing, , generation, gateway] = programs;
  t.match(generation?.env, {
    PORT: '8083',
    OPENAI_BASE_URL: 'http://127.0.0.1:8090/openai/v1',
    ANTHROPIC_API_KEY: 'simulated',
    OLLAMA_BASE_URL: 'http://127.0.0.1:8090/ollama/v1',
    SOCIAL_PUBLISHER_URL: 'http://127.0.0.1:8090/social/v1',
    OTHER: 'kept',
  });
  const written = define({ DATA_FOLDER: '/data', MEDIA_DIR: '/media' }).programs[3]?.env;
  t.match(written, { SPOOL_DIR: '/data/spool', MEDIA_DIR: '/media' }, 'nothing is written in the checkout');
  t.match(gateway?.env, { EMAIL_VERIFICATION: 'off', SMTP_URL: 'http://127.0.0.1:8090/mailbox' });
  t.match(gateway?.env, { PORT: '7000', JWT_KEYS: '[{}]', GENERATION_URLS: 'http://127.0.0.1:8083' });
  t.equal(billing?.env.JWT_KEYS, undefined, 'only the gateway can sign tokens');
  const pairsOf = (env?: Record<string, string | undefined>) =>
    (env?.INTERNAL_KEYS ?? '').split(',').map((key) => key.replace(/:[0-9a-f]{64}$/, ''));
  t.strictSame(
    pairsOf(generation?.env),
    ['gateway:generation', 'generation:billing'],
    'a service has only its own keys',
  );
  t.strictSame(pairsOf(billing?.env), ['gateway:billing', 'usage-metering:billing', 'generation:billing']);
  t.equal(billing?.env.OPERATIONS_PORT, '9081', 'one port for all would clash');
  t.strictSame(providers.real, []);
});

t.test(
  'given a key, that provider is real and untouched; the environment wins over what is generated',
  async (t) => {
    const { programs, providers } = define({
      OPENAI_API_KEY: 'sk-real',
      INTERNAL_KEYS: 'mine',
      OLLAMA_BASE_URL: 'http://gpu:11434/v1',
    });
    t.strictSame(providers.real, ['OpenAI', 'Ollama']);
    const generation = programs.find(({ name }) => name === 'generation');
    t.match(generation?.env, {
      OPENAI_API_KEY: 'sk-real',
      OPENAI_BASE_URL: undefined,
      OLLAMA_BASE_URL: 'http://gpu:11434/v1',
      INTERNAL_KEYS: 'mine',
    });
  },
);

t.test('given an operations port, only that port changes', async (t) => {
  const { programs } = define({ BILLING_OPERATIONS_PORT: '9999' });
  t.match(programs.find(({ name }) => name === 'billing')?.ports, [
    { port: 8081, variable: 'BILLING_PORT' },
    { port: 9999, variable: 'BILLING_OPERATIONS_PORT' },
  ]);
});

t.test('given every key, no simulator runs', async (t) => {
  const keys = [
    'OPENAI',
    'ANTHROPIC',
    'GEMINI',
    'XAI',
    'MISTRAL',
    'STABILITY',
    'TAVILY',
    'SERPER',
    'EXA',
    'FIRECRAWL',
  ].map((name) => [`${name}_API_KEY`, 'real']);
  const { programs } = define({
    ...Object.fromEntries(keys),
    OLLAMA_BASE_URL: 'http://gpu:11434/v1',
    SOCIAL_PUBLISHER_URL: 'http://publisher',
    NOTION_BASE_URL: 'https://api.notion.com',
    HUBSPOT_BASE_URL: 'https://api.hubapi.com',
  });
  t.notOk(programs.some(({ name }) => name === 'simulator'));
});

t.test('the screen shows the programs, the real providers and a first request', async (t) => {
  const { programs, providers } = define({ OPENAI_API_KEY: 'sk-real' });
  const published = { id: 'v1', catalogueId: 'default', version: 3 };
  const facts = {
    programs,
    providers,
    database: '127.0.0.1:5433',
    logFolder: '/logs',
    demoApiKey: secrets.demoApiKey,
    demo: {
      accountId: 'demo-account',
      logins: [{ role: 'staff' as const, email: 'staff@inkmeter.local', password: 'staff-password' }],
      plan: 'free',
      model: 'gpt-4o-mini',
    },
    seconds: 3.21,
    catalogue: { active: published, file: published },
    catalogueName: 'default',
  };
  const screen = renderScreen(facts);
  t.match(screen, 'ready (3.2 s)');
  t.match(screen, /real providers +OpenAI\n/);
  t.match(screen, /simulated +Anthropic, Gemini/);
  t.match(screen, /curl -i http:\/\/127\.0\.0\.1:8080\/v1\/chat\/completions[\s\S]*Bearer ik_live_demo/);
  t.match(screen, /staff +staff@inkmeter\.local +staff-password\n/);
  t.match(screen, '/api/admin/payment-requests/<id>/mark-paid');
  t.match(screen, '/api/admin/accounts/demo-account/overrides');
  t.notMatch(screen, 'sk-real');
  t.match(screen, /active catalogue +default, version 3\n/);
  t.notMatch(screen, 'publish');

  const file = { id: 'v2', catalogueId: 'lily', version: 1 };
  const other = renderScreen({ ...facts, catalogue: { active: published, file }, catalogueName: 'lily' });
  t.match(other, /active catalogue +default, version 3\n/);
  t.match(other, /not published +lily, version 1, from INKMETER_CATALOGUE=lily\n/);
  t.match(other, /publish it with +npm run catalogue -- publish lily now\n/);
});
