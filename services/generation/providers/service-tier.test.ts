import t from 'tap';
import { unexpectedTier } from './domain/service-tier.ts';
import { chatWith } from './fixtures.ts';
import { upstreamBody } from './openai/request-body.ts';
import { VENDORS } from './openai/vendors.ts';

t.test('the tier whose prices apply is requested, not that of the client', async (t) => {
  for (const [vendor, tier] of [
    ['openai', 'default'],
    ['xai', 'default'],
    ['mistral', undefined],
    ['ollama', undefined],
  ] as const) {
    const chat = chatWith({ service_tier: 'auto' });
    t.equal(
      (upstreamBody(chat, VENDORS[vendor], false) as { service_tier?: string }).service_tier,
      tier,
      vendor,
    );
  }
});

t.test('an answer of another tier is flagged', async (t) => {
  t.equal(unexpectedTier('xai', 'priority'), 'priority');
  t.equal(unexpectedTier('xai', 'default'), null);
  t.equal(unexpectedTier('anthropic', 'priority'), 'priority');
  t.equal(unexpectedTier('mistral', 'any'), null);
  t.equal(unexpectedTier('openai', null), null);
  t.equal(unexpectedTier('gemini', 'standard'), null);
  t.equal(unexpectedTier('gemini', 'SERVICE_TIER_STANDARD'), null);
  t.equal(unexpectedTier('gemini', 'unspecified'), null);
  t.equal(unexpectedTier('gemini', 'SERVICE_TIER_FLEX'), 'flex');
});
