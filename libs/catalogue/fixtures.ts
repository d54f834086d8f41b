/** Entitlements for tests, computed from a small catalogue by the same code as in production. */
import { type Entitlements, entitlementsAt } from './entitlements.ts';
import { parseCatalogue } from './parse.ts';
import type { Catalogue } from './schema.ts';

const ACCOUNT = '0190a1b2-0000-7000-8000-00000000a001';

export type TestPlan = {
  /** As in a catalogue file. */
  caps?: Readonly<Record<string, unknown>>;
  limits?: readonly Readonly<Record<string, unknown>>[];
};

/** A catalogue with one plan, `test`. */
export function testCatalogue({ caps = {}, limits = [] }: TestPlan = {}): Catalogue {
  return parseCatalogue(
    JSON.stringify({
      id: 'test',
      name: 'Test',
      version: '1',
      currency: 'USD',
      defaultPlan: 'test',
      textModels: ['gpt-4o-mini', 'gpt-4o'],
      imageModels: ['grok2_basic', 'dalle3'],
      plans: [{ key: 'test', name: 'Test', rank: 0, price: { monthlyMinor: 0 }, caps, limits }],
    }),
  );
}

/** What an account on the plan `test` may do. */
export function testEntitlements(plan: TestPlan = {}): Entitlements {
  return entitlementsAt(
    {
      catalogue: testCatalogue(plan),
      catalogueVersion: 'v1',
      accountId: ACCOUNT,
      segments: [],
      seats: null,
      overrides: [],
      flags: [],
      guardRails: [],
      subscription: { planKey: 'test', status: 'active', trialEndsAt: null, accessEndsAt: null },
    },
    new Date('2026-11-20T12:00:00Z'),
  );
}
