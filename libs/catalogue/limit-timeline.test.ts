import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import t from 'tap';
import { effectiveLimits } from './effective-limits.ts';
import { type EntitlementInput, planAt } from './entitlements.ts';
import { exactText } from './exact-text.ts';
import { limitKey } from './limit.ts';
import { type LimitSegment, limitTimeline, segmentsAt } from './limit-timeline.ts';
import type { AccountOverride } from './overrides.ts';
import { parseCatalogue } from './parse.ts';

const read = (id: string) => readFile(new URL(`../../deploy/catalogues/${id}.yaml`, import.meta.url), 'utf8');
const catalogues = await Promise.all(
  ['default', 'crew', 'alwrity-alpha', 'lily'].map(async (id) => parseCatalogue(await read(id))),
);

const START_MS = Date.UTC(2026, 10, 1);
const HOUR_MS = 3_600_000;
const hour = (count: number) => new Date(START_MS + count * HOUR_MS);
const instant = fc.nat(40).map(hour);
const meter = fc.constantFrom('cost', 'images', 'tokens.total', 'social.posts', 'gen.video', 'audio.seconds');
const window = fc.constantFrom('day' as const, 'week' as const, 'period' as const, undefined);
const amount = fc.oneof(
  fc.bigInt({ min: 1n, max: 100n }).map((n) => ({ kind: 'n' as const, n })),
  fc.constantFrom({ kind: 'unlimited' as const }, { kind: 'disabled' as const }),
);
const span = fc
  .tuple(instant, fc.option(instant, { nil: null }))
  .map(([from, until]) => ({ from, until: until === null || until > from ? until : null }));

function override(plans: string[], id: string): fc.Arbitrary<AccountOverride> {
  const place = fc
    .record({ meter, window })
    .map(({ meter, window }) => ({ meter, ...(window ? { window } : {}) }));
  return fc.oneof(
    fc
      .tuple(place, span, fc.bigInt({ min: 1n, max: 100n }))
      .map(([where, when, n]): AccountOverride => ({ kind: 'quota_boost', id, ...where, ...when, n })),
    fc.tuple(place, span, amount).map(
      ([where, when, amount]): AccountOverride => ({
        kind: 'limit_replacement',
        id,
        ...where,
        ...when,
        amount,
      }),
    ),
    fc
      .tuple(fc.constantFrom(...plans), span)
      .map(([plan, when]): AccountOverride => ({ kind: 'plan_change', id, plan, ...when })),
  );
}

const input: fc.Arbitrary<EntitlementInput> = fc.constantFrom(...catalogues).chain((catalogue) => {
  const plans = catalogue.plans.map((plan) => plan.key);
  return fc
    .record({
      planKey: fc.constantFrom(...plans),
      status: fc.constantFrom(
        'active' as const,
        'trialing' as const,
        'past_due' as const,
        'cancelled' as const,
      ),
      trialEndsAt: fc.option(instant, { nil: null }),
      accessEndsAt: fc.option(instant, { nil: null }),
      segments: fc.constantFrom([], ['new_tester']),
      overrides: fc.tuple(
        ...['a', 'b', 'c', 'd'].map((id) => fc.option(override(plans, id), { nil: undefined })),
      ),
    })
    .map(({ segments, overrides, ...subscription }) => ({
      catalogue,
      catalogueVersion: 'v1',
      accountId: 'a1',
      segments,
      seats: null,
      overrides: overrides.filter((one) => one !== undefined),
      flags: [],
      guardRails: [],
      subscription,
    }));
});

const faceOf = (segment: LimitSegment) => exactText({ ...segment, validFrom: null, validUntil: null });
const keyOf = (segment: LimitSegment) => `${limitKey(segment)} ${segment.scopeId}`;

t.test('the timeline has the limits of every instant', async (t) => {
  fc.assert(
    fc.property(
      input,
      instant,
      fc.array(fc.integer({ min: 0, max: 50 * HOUR_MS }), { maxLength: 8 }),
      (it, from, offsets) => {
        const timeline = limitTimeline(it, from);
        for (const offset of [0, ...offsets]) {
          const at = new Date(from.getTime() + offset);
          const limits = effectiveLimits(it, planAt(it, at).plan, at);
          const found = segmentsAt(timeline, at);
          t.equal(found.length, limits.length);
          for (const limit of limits) {
            const segment = found.find((one) => limitKey(one) === limitKey(limit));
            t.same(segment?.amount, limit.amount);
            t.equal(segment?.source, limit.source);
            t.equal(segment?.blocks, limit.blocks);
            t.equal(segment?.thresholdBps[2], limit.thresholds.blockBps);
          }
        }
      },
    ),
    { numRuns: 60 },
  );
});

t.test('segments of one key never overlap, and adjacent ones differ', async () => {
  fc.assert(
    fc.property(input, instant, (it, from) => {
      const byKey = Map.groupBy(limitTimeline(it, from), keyOf);
      return [...byKey.values()].every((segments) => {
        const sorted = segments.sort((a, b) => (a.validFrom?.getTime() ?? 0) - (b.validFrom?.getTime() ?? 0));
        return sorted.every((segment, index) => {
          const next = sorted[index + 1];
          if (next === undefined) return true;
          if (segment.validUntil === null || next.validFrom === null || segment.validUntil > next.validFrom)
            return false;
          const touching = segment.validUntil.getTime() === next.validFrom.getTime();
          return !touching || faceOf(segment) !== faceOf(next);
        });
      });
    }),
  );
});

t.test('an override that expires is a boundary', async (t) => {
  const [catalogue] = catalogues;
  if (catalogue === undefined) return t.fail('a catalogue is expected');
  const timeline = limitTimeline(
    {
      catalogue,
      catalogueVersion: 'v1',
      accountId: 'a1',
      segments: [],
      seats: null,
      overrides: [{ kind: 'quota_boost', id: 'b', meter: 'images', n: 10n, from: hour(-5), until: hour(3) }],
      flags: [],
      guardRails: [],
      subscription: { planKey: 'pro', status: 'trialing', trialEndsAt: hour(8), accessEndsAt: null },
    },
    hour(0),
  );
  t.match(
    timeline.filter((segment) => segment.meter === 'images'),
    [
      { validFrom: null, validUntil: hour(3), amount: { n: 60n }, source: 'override:b', scopeId: '' },
      { validFrom: hour(3), validUntil: hour(8), amount: { n: 50n }, source: 'plan:pro' },
      { validFrom: hour(8), validUntil: null, amount: { n: 5n }, source: 'plan:free' },
    ],
  );
});
