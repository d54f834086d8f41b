/** Examples for the OpenAPI document; checked against the schemas by a test. */
import { limitToWire } from './limits.ts';

export const accountId = '019e3f5e-0000-7a10-8c01-5d2f7b9a4e10';
export const userId = '019e3f5e-0000-7a10-8c01-5d2f7b9a4e11';
export const requestId = '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d2e';

const limit = (meter: string, amount: bigint, used: bigint) =>
  limitToWire({
    meter,
    window: 'period',
    scope: 'account',
    scopeId: '',
    kind: 'n',
    amount,
    used,
    held: 0n,
    state: 'ok',
    windowStart: new Date('2026-11-01T09:30:00.000Z'),
    resetsAt: new Date('2026-12-01T09:30:00.000Z'),
    source: 'plan:pro',
  });
export const costLimit = limit('cost', 40_000_000_000n, 4_721_000n);
export const blogLimit = limit('gen.blog', 50n, 1n);

const figures = {
  calls: 1,
  errors: 0,
  error_percentage: 0,
  tokens: { input: 412, cache_read: 0, cache_write: 0, output: 731, reasoning: 0, total: 1143 },
  cost_usd: '0.000500400',
  cost_nano_usd: '500400',
  average_latency_ms: 1840,
};

export const usageReport = {
  account_id: accountId,
  user_id: null,
  as_of: '2026-11-20T12:00:00.000Z',
  period: { start: '2026-11-01T09:30:00.000Z', end: '2026-12-01T09:30:00.000Z' },
  status: 'ok',
  limits: [costLimit, blogLimit],
  projection: {
    cost_usd: '0.000790105',
    cost_nano_usd: '790105',
    percentage: 0.03,
    days_begun: 19,
    days_in_period: 30,
  },
  breakdown: {
    first_day: '2026-11-01',
    last_day: '2026-11-20',
    total: figures,
    providers: [{ provider: 'openai', ...figures, models: [{ model: 'gpt-4o-mini', ...figures }] }],
  },
};

export const usageCall = {
  request_id: requestId,
  call_index: 0,
  admitted_at: '2026-11-20T11:59:58.100Z',
  occurred_at: '2026-11-20T11:59:59.940Z',
  user_id: userId,
  key_id: null,
  step: 'chat',
  provider: 'openai',
  model: 'gpt-4o-mini',
  endpoint: 'chat.completions',
  status: 'ok',
  error_code: null,
  usage_source: 'provider',
  tokens: { input: 412, cache_read: 0, cache_write: null, output: 731, reasoning: 0 },
  other_units: {},
  input_cost_usd: '0.000061800',
  output_cost_usd: '0.000438600',
  cost_usd: '0.000500400',
  cost_nano_usd: '500400',
  price_version: 'openai/gpt-4o-mini@2024-07-18T00:00:00.000Z',
  attempts: 1,
  latency_ms: 1840,
  first_byte_ms: 320,
  late: false,
  overrun: false,
  request_bytes: 1650,
  response_bytes: 3120,
  provider_request_id: 'req_7f3c',
  correction: null,
} as const;

export const unresolvedCall = {
  ...usageCall,
  id: `${requestId}.0`,
  account_id: accountId,
  status: 'error',
  error_code: 'hold_expired',
  usage_source: 'bound',
  tokens: { input: 414, cache_read: null, cache_write: null, output: 4096, reasoning: null },
  input_cost_usd: '0.000062100',
  output_cost_usd: '0.002457600',
  cost_usd: '0.002519700',
  cost_nano_usd: '2519700',
  latency_ms: 0,
  first_byte_ms: null,
  request_bytes: 0,
  response_bytes: 0,
  provider_request_id: null,
} as const;

export const correction = {
  occurred_at: '2026-11-21T09:00:00.000Z',
  status: 'error',
  usage_source: 'provider',
  tokens: { input: 412, cache_read: null, cache_write: null, output: 731, reasoning: null },
  other_units: {},
  cost_usd: '0.000500400',
  cost_nano_usd: '500400',
  change_usd: '-0.002019300',
  change_nano_usd: '-2019300',
} as const;

export const requestReport = {
  request_id: requestId,
  account_id: accountId,
  user_id: userId,
  key_id: null,
  decision: {
    verdict: 'ok',
    explanation: 'Admitted: every limit had room for the worst case.',
    decided_at: '2026-11-20T11:59:58.100Z',
    stop: null,
    asked: [
      { meter: 'cost', unit: 'nano_usd', amount: '2519700', amount_usd: '0.002519700' },
      { meter: 'tokens.total', unit: 'tokens', amount: '4510' },
    ],
    limits: [{ ...costLimit, used: '4220600', used_usd: '0.004220600', binding: true }],
  },
  hold: {
    state: 'closed',
    expires_at: '2026-11-20T12:09:58.100Z',
    closed_at: '2026-11-20T11:59:59.940Z',
    remaining: [],
  },
  call_plan: {
    kind: 'chat',
    calls: [
      {
        index: 0,
        step: 'chat',
        provider: 'openai',
        model: 'gpt-4o-mini',
        input_tokens: 414,
        output_tokens: 4096,
        choices: 1,
        other_units: {},
        counts: {},
        price_version: usageCall.price_version,
        worst_case_usd: '0.002519700',
      },
    ],
  },
  calls: [
    {
      ...usageCall,
      priced_units: [
        {
          class: 'input',
          units: 412,
          per: 'million_tokens',
          price_usd: '0.150000',
          text: '$0.15 per 1M tokens',
        },
        {
          class: 'output',
          units: 731,
          per: 'million_tokens',
          price_usd: '0.600000',
          text: '$0.60 per 1M tokens',
        },
      ],
    },
  ],
  totals: {
    calls: 1,
    tokens: figures.tokens,
    cost_usd: figures.cost_usd,
    cost_nano_usd: figures.cost_nano_usd,
  },
};

export const usageCursor = 'WyIyMDI2LTExLTIwVDEyOjAwOjAwLjAwMDAwMFoiLCIwMTllM2Y1ZSIsMF0';
export const usageCsv = `request_id,call_index,admitted_at,user_id,key_id,step,provider,model,status,error_code,usage_source,input_tokens,cache_read_tokens,cache_write_tokens,output_tokens,reasoning_tokens,cost_usd,latency_ms,cursor
${requestId},0,2026-11-20T12:00:00.000Z,${userId},,chat,openai,gpt-4o-mini,ok,,provider,412,,,731,,0.000500400,1840,${usageCursor}
`;
