import t from 'tap';
import { describeConfig, loadConfig } from '#libs/config/config.ts';
import { INTERNAL_KEYS_TEXT } from '#libs/testing/service.ts';
import { configSchema, toGenerationConfig } from './config.ts';

const env = {
  DATABASE_URL: 'postgres://localhost/test',
  INTERNAL_KEYS: INTERNAL_KEYS_TEXT,
  ENCRYPTION_KEYS: 'k'.repeat(43),
};

t.test('every variable is described, and keys are secrets', async (t) => {
  const rows = describeConfig(configSchema);
  for (const { name, secret } of rows) t.equal(secret, /KEYS?$|DATABASE_(DIRECT_)?URL/.test(name), name);
});

t.test('a provider is configured by its key, Ollama by its address', async (t) => {
  const access = (more: Record<string, string>) =>
    toGenerationConfig(loadConfig(configSchema, { ...env, ...more })).access;
  t.strictSame(access({}), {});
  t.strictSame(access({ OPENAI_API_KEY: 'sk', OLLAMA_BASE_URL: 'http://localhost:11434/v1/' }), {
    openai: { baseUrl: 'https://api.openai.com/v1', apiKey: 'sk' },
    ollama: { baseUrl: 'http://localhost:11434/v1', apiKey: 'none' },
  });
});
