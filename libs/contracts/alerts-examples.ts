import { ACCOUNT_ALERT_KINDS } from './alert-kinds.ts';
import { WEBHOOK_EVENTS } from './webhook-events.ts';

const threshold = WEBHOOK_EVENTS['usage.threshold'].example;

export const alert = {
  id: '019e3f60-3333-7a10-8c01-5d2f7b9a4e10',
  kind: 'threshold',
  type: 'usage.threshold',
  severity: 'info',
  title: 'API Usage Notice - Gemini',
  message: 'You have used 800 of 1,000 Gemini API calls',
  recommendation: 'Once the limit is reached, new requests are refused until 1 December 2026, 00:00 UTC.',
  upgrade: {
    urgency: 'medium',
    suggested_plans: [
      {
        key: 'pro',
        name: 'Pro',
        rank: 2,
        price: { currency: 'USD', monthly_minor: 7900, yearly_minor: 79000 },
        amount: { kind: 'limited', value: '5000' },
      },
    ],
  },
  data: threshold,
  account_id: '019e3f5e-0000-7a10-8c01-5d2f7b9a4e10',
  user_id: null,
  created_at: '2026-11-20T12:00:00.000Z',
  read_at: null,
};

export const operatorAlert = {
  ...alert,
  kind: 'provider_failure',
  type: 'provider.failing',
  severity: 'critical',
  title: 'Provider failing - OpenAI',
  message: '34 of 40 calls failed in the last 15 minutes.',
  recommendation: 'Check the status page of the provider. Stop the provider to refuse its calls at once.',
  upgrade: null,
  data: { provider: 'openai', calls: 40, errors: 34, minutes: 15 },
  account_id: null,
};

const all = Object.fromEntries(ACCOUNT_ALERT_KINDS.map((kind) => [kind, true])) as Record<
  (typeof ACCOUNT_ALERT_KINDS)[number],
  boolean
>;

export const changeablePreferences = {
  channels: { email: all, slack: { ...all, trial: false } },
  quiet_hours: { from: '22:00', until: '07:00', time_zone: 'Europe/Berlin' },
};

export const preferences = {
  ...changeablePreferences,
  slack_url: 'https://hooks.slack.com/…',
  updated_at: '2026-11-20T12:00:00.000Z',
};
