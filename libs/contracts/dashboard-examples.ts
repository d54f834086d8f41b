/** Examples for the OpenAPI document. The dashboard's figures are those of the product's first specification. */
export const trends = {
  periods: ['2026-10-01', '2026-11-01'],
  total_calls: [1100, 1250],
  total_cost: [14.2, 15.75],
  total_tokens: [190000, 210000],
  provider_trends: {
    gemini: { calls: [700, 800], cost: [9.1, 10.5], tokens: [110000, 125000] },
    openai: { calls: [400, 450], cost: [5.1, 5.25], tokens: [80000, 85000] },
  },
};

export const dashboard = {
  current_usage: {
    total_calls: 1250,
    total_cost: 15.75,
    usage_status: 'active',
    provider_breakdown: {
      gemini: { calls: 800, cost: 10.5, tokens: 125000 },
      openai: { calls: 450, cost: 5.25, tokens: 85000 },
    },
  },
  trends,
  limits: { plan_name: 'Pro', limits: { gemini_calls: 5000, monthly_cost: 150 } },
  usage_percentages: { gemini_calls: 16, cost: 10.5 },
  projections: { projected_monthly_cost: 47.25, projected_usage_percentage: 31.5 },
  alerts: [
    {
      title: 'API Usage Notice - Gemini',
      message: 'You have used 800 of 1,000 Gemini API calls',
      severity: 'info',
    },
  ],
  summary: {
    total_api_calls_this_month: 1250,
    total_cost_this_month: 15.75,
    usage_status: 'active',
    unread_alerts: 1,
  },
};

const figures = {
  calls: 800,
  errors: 8,
  error_percentage: 1,
  tokens: { input: 90000, cache_read: 5000, cache_write: 0, output: 30000, reasoning: 0, total: 125000 },
  cost_usd: '10.500000000',
  cost_nano_usd: '10500000000',
  average_latency_ms: 1240,
};

export const breakdown = {
  from: '2026-11-01',
  to: '2026-11-10',
  total: figures,
  rows: [{ start: '2026-11-01', group: 'gemini/gemini-2.5-flash', ...figures }],
};

const performance = {
  calls: 800,
  errors: 8,
  error_percentage: 1,
  latency_ms: { p50: 980, p95: 2400, p99: 4100 },
  first_byte_ms: { p50: 310, p95: 620, p99: 900 },
  cost_per_call_usd: '0.013125000',
};

export const insights = {
  total: { provider: null, ...performance },
  providers: [{ provider: 'gemini', ...performance }],
  insights: [
    {
      kind: 'cache',
      provider: 'gemini',
      model: 'gemini-2.5-flash',
      message: 'Only 2 % of the input tokens were read from the cache. Put the parts that repeat first.',
      percentage: 2,
      alternative: null,
      saving_usd: null,
    },
  ],
};

export const projection = {
  as_of: '2026-11-10T12:00:00.000Z',
  period: { start: '2026-11-01T00:00:00.000Z', end: '2026-12-01T00:00:00.000Z' },
  spent_usd: '15.750000000',
  spent_nano_usd: '15750000000',
  cost_usd: '47.250000000',
  cost_nano_usd: '47250000000',
  low_usd: '42.525000000',
  high_usd: '51.975000000',
  error_percentage: 10,
  error_from: 'past_periods',
  tested_periods: 6,
  weekday_pattern: true,
  percentage: 31.5,
  days_begun: 10,
  days_in_period: 30,
};
