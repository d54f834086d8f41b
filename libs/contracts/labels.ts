/** Names as users read them. Clients show them, and branch on the keys. */
import type { Amount, Window } from '#libs/catalogue/limit.ts';
import { formatDecimal } from '#libs/money/money.ts';
import { TOKEN_CLASSES, type UnitClass } from '#libs/pricing/units.ts';
import type { MeterUnit } from './meter-unit.ts';

const ACRONYMS = new Set(['ai', 'api', 'crm', 'kb', 'llm', 'sdk', 'seo', 'sla', 'url']);
const BRANDS: Readonly<Record<string, string>> = {
  anthropic: 'Anthropic',
  claude: 'Claude',
  codestral: 'Codestral',
  dalle: 'DALL·E',
  deepseek: 'DeepSeek',
  gemini: 'Gemini',
  gemma: 'Gemma',
  gpt: 'GPT',
  grok: 'Grok',
  imagen: 'Imagen',
  linkedin: 'LinkedIn',
  llama: 'Llama',
  mistral: 'Mistral',
  ollama: 'Ollama',
  openai: 'OpenAI',
  tiktok: 'TikTok',
  xai: 'xAI',
  youtube: 'YouTube',
};

const capitalised = (word: string) => word.charAt(0).toUpperCase() + word.slice(1);

/** `api_access` becomes `API access`, `linkedin` `LinkedIn`. */
export function nameLabel(key: string): string {
  const words = key.split(/[_-]/).map((word) => {
    if (ACRONYMS.has(word)) return word.toUpperCase();
    return BRANDS[word] ?? word;
  });
  return capitalised(words.join(' '));
}

/** `gpt-4o-mini` becomes `GPT-4o mini`, `claude-haiku-4-5` `Claude Haiku 4.5`. */
export function modelLabel(model: string): string {
  const [first = '', ...rest] = model.replaceAll(/(?<=\d)-(?=\d(?:-|$))/g, '.').split(/[-_:]/);
  // OpenAI writes GPT-5, o3 and their sizes in lower case.
  const isOpenAi = first === 'gpt' || /^o\d$/.test(first);
  if (first === 'gpt' && /^\d/.test(rest[0] ?? '')) return [`GPT-${rest[0]}`, ...rest.slice(1)].join(' ');
  const [head, ...tail] = [first, ...rest].map((word) => modelWord(word));
  return isOpenAi ? [BRANDS[first] ?? first, ...tail].join(' ') : [head, ...tail].join(' ');
}

/** `llama3.2` becomes `Llama 3.2`, `70b` `70B`. */
function modelWord(word: string): string {
  const [, name = '', version = ''] = /^([a-z]+)(\d.*)$/.exec(word) ?? [];
  if (BRANDS[name] !== undefined) return `${BRANDS[name]} ${version}`;
  return BRANDS[word] ?? (/^\d+b$/.test(word) ? word.toUpperCase() : capitalised(word));
}

const METERS: Readonly<Record<string, string>> = {
  'api.requests': 'API requests',
  'audio.seconds': 'Audio',
  brand_voices: 'Brand voices',
  'chat.requests': 'Chat requests',
  cost: 'Cost of AI calls',
  images: 'Images',
  'kb.bytes': 'Bytes of knowledge base files',
  'kb.files': 'Knowledge base files',
  prompts: 'Custom prompts',
  'requests.parallel': 'Requests at the same time',
  'social.autopilot_posts': 'Autopilot posts',
  'social.connections': 'Social profiles',
  'social.drafts': 'Draft posts',
  'social.posts': 'Social posts',
  'team.members': 'Team members',
  'tokens.total': 'Tokens',
  workspaces: 'Workspaces',
};

const FAMILIES: Readonly<Record<string, (name: string) => string>> = {
  calls: (name) => `${name} calls`,
  gen: (name) => `${name} generations`,
  tokens: (name) => `${name} tokens`,
};

export function meterLabel(meter: string): string {
  const known = METERS[meter];
  if (known !== undefined) return known;
  const [family = '', name = ''] = meter.split('.');
  return FAMILIES[family]?.(nameLabel(name)) ?? nameLabel(meter.replaceAll('.', '_'));
}

export const UNIT_LABELS = {
  nano_usd: 'USD',
  tokens: 'tokens',
  seconds: 'seconds',
  count: '',
} as const satisfies Record<MeterUnit, string>;

const WINDOWS: Readonly<Record<Window, string>> = {
  day: ' per day',
  week: ' per week',
  month: ' per month',
  period: ' per billing period',
  total: '',
};

/** What a limit on money limits. */
const USAGE = 'AI usage';

const SECONDS_PER_MINUTE = 60n;
const NANO_DECIMALS = 9;
const PICO_DECIMALS = 12;
const MICRO_DECIMALS = 6;

/** `$2.50`, with the cents and every further digit that is not zero. */
function dollars(amount: bigint, decimals: number): string {
  const [whole = '0', digits = ''] = formatDecimal(amount, decimals).split('.');
  const fraction = digits.replace(/0+$/, '').padEnd(2, '0');
  return `$${grouped(BigInt(whole))}.${fraction}`;
}

const grouped = (amount: bigint) => amount.toLocaleString('en-US');

function quantity(meter: string, unit: MeterUnit, n: bigint): string {
  if (unit === 'nano_usd') return `${dollars(n, NANO_DECIMALS)} of ${USAGE}`;
  if (unit === 'seconds') return counted(n / SECONDS_PER_MINUTE, 'minutes of audio');
  return counted(n, lowered(meterLabel(meter)));
}

/** `3 brand voices`, `1 brand voice`, `1 request at the same time`. */
function counted(n: bigint, plural: string): string {
  return `${grouped(n)} ${n === 1n ? plural.replace(/s(?=$| of | at )/, '') : plural}`;
}

/** The first letter in lower case, unless the word is a name or an acronym. */
function lowered(label: string): string {
  return /^[A-Z][a-z]/.test(label) && !Object.values(BRANDS).some((brand) => label.startsWith(brand))
    ? label.charAt(0).toLowerCase() + label.slice(1)
    : label;
}

/** A limit in words: `100,000 tokens per day`, `$50.00 of AI usage per month`, `Unlimited images`. */
export function limitText(meter: string, unit: MeterUnit, window: Window, amount: Amount): string {
  const what = unit === 'nano_usd' ? USAGE : lowered(meterLabel(meter));
  if (amount.kind === 'unlimited') return `Unlimited ${what}`;
  if (amount.kind === 'disabled') return `No ${what}`;
  return quantity(meter, unit, amount.n) + WINDOWS[window];
}

const TOKENS: ReadonlySet<UnitClass> = new Set<UnitClass>(TOKEN_CLASSES);
/** A price in words: `$2.50 per 1M tokens`, `$0.04 per image`. */
export function priceText(unitClass: UnitClass, picoUsdPerUnit: bigint): string {
  // A pico-USD per token is a micro-USD per million tokens.
  if (TOKENS.has(unitClass)) return `${dollars(picoUsdPerUnit, MICRO_DECIMALS)} per 1M tokens`;
  return `${dollars(picoUsdPerUnit, PICO_DECIMALS)} per ${unitClass.replaceAll('_', ' ')}`;
}
