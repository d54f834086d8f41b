/** Names of meters, amounts and instants in texts for users. */
import { divide, formatDecimal } from '#libs/money/money.ts';

const PROVIDERS: Readonly<Record<string, string>> = {
  openai: 'OpenAI',
  anthropic: 'Anthropic',
  gemini: 'Gemini',
  mistral: 'Mistral',
  xai: 'xAI',
  stability: 'Stability AI',
  tavily: 'Tavily',
  serper: 'Serper',
  exa: 'Exa',
  metaphor: 'Metaphor',
  firecrawl: 'Firecrawl',
};

const METERS: Readonly<Record<string, { name: string; units: string | null }>> = {
  cost: { name: 'Cost', units: null },
  images: { name: 'Images', units: 'images' },
  'tokens.total': { name: 'Tokens', units: 'tokens' },
  'audio.seconds': { name: 'Audio', units: 'seconds of audio' },
  'api.requests': { name: 'API requests', units: 'API requests' },
  'chat.requests': { name: 'Chat', units: 'chat requests' },
  'social.connections': { name: 'Social accounts', units: 'social accounts' },
  'social.drafts': { name: 'Drafts', units: 'draft posts' },
  'social.posts': { name: 'Posts', units: 'posts' },
  'social.autopilot_posts': { name: 'Autopilot posts', units: 'autopilot posts' },
  'kb.files': { name: 'Knowledge base', units: 'knowledge base files' },
  'kb.bytes': { name: 'Knowledge base', units: 'bytes of knowledge base files' },
  brand_voices: { name: 'Brand voices', units: 'brand voices' },
  prompts: { name: 'Prompts', units: 'prompts' },
  'team.members': { name: 'Team members', units: 'team members' },
  workspaces: { name: 'Workspaces', units: 'workspaces' },
};

export function nameOfProvider(key: string): string {
  return PROVIDERS[key] ?? capitalise(key);
}

/** `units` follows an amount; null where the amount has its own unit. */
export function describeMeter(meter: string): { name: string; units: string | null } {
  const known = METERS[meter];
  if (known !== undefined) return known;
  const [family = '', key = ''] = meter.split('.');
  const name = nameOfProvider(key);
  if (family === 'calls') return { name, units: `${name} API calls` };
  if (family === 'tokens') return { name, units: `${name} tokens` };
  const words = key.replaceAll('_', ' ');
  return { name: capitalise(words), units: `${words} generations` };
}

/** @param amount an integer in the meter's unit, as text. Money is rounded to cents. */
export function formatAmount(meter: string, amount: string): string {
  if (meter !== 'cost') return groupDigits(amount);
  const cents = formatDecimal(divide(BigInt(amount), 10_000_000n, 'half_up'), 2);
  return `$${groupDigits(cents)}`;
}

/** `1 December 2026, 00:00 UTC`. */
export function formatInstantText(iso: string | null | undefined): string {
  const at = new Date(iso ?? Number.NaN);
  if (Number.isNaN(at.getTime())) return 'an unknown time';
  const day = at.toLocaleDateString('en-GB', {
    day: 'numeric',
    month: 'long',
    year: 'numeric',
    timeZone: 'UTC',
  });
  return `${day}, ${at.toISOString().slice(11, 16)} UTC`;
}

function groupDigits(text: string): string {
  const [whole = '', fraction] = text.split('.');
  const grouped = whole.replaceAll(/\B(?=(\d{3})+$)/g, ',');
  return fraction === undefined ? grouped : `${grouped}.${fraction}`;
}

function capitalise(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
