/** One catalogue with a new version, as the documentation shows it. */
import { exampleRollout } from './rollouts.ts';

const versionId = '019e3f64-5555-7a10-8c01-5d2f7b9a4e10';

export const version = {
  version_id: versionId,
  catalogue_id: 'default',
  version: 2,
  author: '019e3f5e-0000-7a10-8c01-5d2f7b9a4e11',
  created_at: '2026-11-20T12:00:00.000Z',
  updated_at: '2026-11-20T12:00:00.000Z',
  active: false,
  subscriptions: 0,
};

export const changes = ['plan free: limit images per period lowered: 5 → 3'];

export const migration = { ...exampleRollout, version_id: versionId, migration: 'now' as const };

export const preview = {
  version_id: versionId,
  migration: 'now' as const,
  summary: {
    accounts: 1200,
    unchanged: 300,
    gaining: 0,
    losing: 900,
    over_limit: 1,
    plans: [
      {
        from: { catalogue_id: 'default', version: 1, plan: 'free' },
        to: { plan: 'free', name: 'Free' },
        mapped_by: 'key' as const,
        accounts: 900,
        changes: ['limit images per period lowered: 5 → 3'],
      },
    ],
  },
  data: [
    {
      account_id: '019e3f5e-1111-7c31-9d52-8a4f0b6c1d2e',
      plan_before: 'free',
      plan_after: 'free',
      mapped_by: 'key' as const,
      gains: [],
      losses: ['limit images per period lowered: 5 → 3'],
      over_limits: [
        {
          meter: 'images',
          label: 'Images',
          unit: 'count' as const,
          window: 'period' as const,
          used: '4',
          amount: { kind: 'limited' as const, value: '3' },
        },
      ],
    },
  ],
  next_cursor: null,
};
