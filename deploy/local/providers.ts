import type { Environment } from '#libs/config/env.ts';

type Provider = {
  name: string;
  /** The variable that makes the provider real. */
  keyVariable: string;
  urlVariable: string;
  /** The path at which the simulator serves this provider's wire format. */
  simulatorPath: string;
};

const providers: readonly Provider[] = [
  {
    name: 'OpenAI',
    keyVariable: 'OPENAI_API_KEY',
    urlVariable: 'OPENAI_BASE_URL',
    simulatorPath: '/openai/v1',
  },
  {
    name: 'Anthropic',
    keyVariable: 'ANTHROPIC_API_KEY',
    urlVariable: 'ANTHROPIC_BASE_URL',
    simulatorPath: '/anthropic',
  },
  { name: 'Gemini', keyVariable: 'GEMINI_API_KEY', urlVariable: 'GEMINI_BASE_URL', simulatorPath: '/gemini' },
  { name: 'xAI', keyVariable: 'XAI_API_KEY', urlVariable: 'XAI_BASE_URL', simulatorPath: '/xai/v1' },
  {
    name: 'Mistral',
    keyVariable: 'MISTRAL_API_KEY',
    urlVariable: 'MISTRAL_BASE_URL',
    simulatorPath: '/mistral/v1',
  },
  {
    name: 'Stability',
    keyVariable: 'STABILITY_API_KEY',
    urlVariable: 'STABILITY_BASE_URL',
    simulatorPath: '/stability',
  },
  { name: 'Tavily', keyVariable: 'TAVILY_API_KEY', urlVariable: 'TAVILY_BASE_URL', simulatorPath: '/tavily' },
  { name: 'Serper', keyVariable: 'SERPER_API_KEY', urlVariable: 'SERPER_BASE_URL', simulatorPath: '/serper' },
  { name: 'Exa', keyVariable: 'EXA_API_KEY', urlVariable: 'EXA_BASE_URL', simulatorPath: '/exa' },
  {
    name: 'Firecrawl',
    keyVariable: 'FIRECRAWL_API_KEY',
    urlVariable: 'FIRECRAWL_BASE_URL',
    simulatorPath: '/firecrawl',
  },
  // Ollama has no keys: its address makes it real.
  {
    name: 'Ollama',
    keyVariable: 'OLLAMA_BASE_URL',
    urlVariable: 'OLLAMA_BASE_URL',
    simulatorPath: '/ollama/v1',
  },
  // So does the address of the service that publishes posts.
  {
    name: 'social networks',
    keyVariable: 'SOCIAL_PUBLISHER_URL',
    urlVariable: 'SOCIAL_PUBLISHER_URL',
    simulatorPath: '/social/v1',
  },
  // So do those of systems whose tokens belong to customers.
  {
    name: 'Notion',
    keyVariable: 'NOTION_BASE_URL',
    urlVariable: 'NOTION_BASE_URL',
    simulatorPath: '/notion',
  },
  {
    name: 'HubSpot',
    keyVariable: 'HUBSPOT_BASE_URL',
    urlVariable: 'HUBSPOT_BASE_URL',
    simulatorPath: '/hubspot',
  },
];

const SIMULATED_KEY = 'simulated';

export type ProviderChoice = {
  real: string[];
  /** Each with the variable that makes it real. */
  simulated: { name: string; keyVariable: string }[];
  /** Directs the SDKs of every simulated provider to the simulator. */
  env: Record<string, string>;
};

/** Providers with a key in the environment are real; the simulator replaces the others. */
export function chooseProviders(env: Environment, simulatorUrl: string): ProviderChoice {
  const choice: ProviderChoice = { real: [], simulated: [], env: {} };
  for (const { name, keyVariable, urlVariable, simulatorPath } of providers) {
    if (env[keyVariable]) {
      choice.real.push(name);
      continue;
    }
    choice.simulated.push({ name, keyVariable });
    choice.env[keyVariable] = SIMULATED_KEY;
    choice.env[urlVariable] = `${simulatorUrl}${simulatorPath}`;
  }
  return choice;
}
