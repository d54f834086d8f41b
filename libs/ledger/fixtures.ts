/** Requests and segments for tests of the ledger and of what stands on it. */
import type { CallFacts, HoldRequest, LimitSegment, Meters, SettleRequest } from './types.ts';

export const testSegment = (segment: Partial<LimitSegment> & { meter: string; n?: bigint }): LimitSegment => {
  const { n, ...rest } = segment;
  return {
    scope: 'account',
    scopeId: '',
    window: 'month',
    validFrom: null,
    validUntil: null,
    amount: n === undefined ? { kind: 'unlimited' } : { kind: 'n', n },
    lineBps: [8000, 9000, 9500, 10_000],
    blocks: segment.meter === 'cost' || segment.meter.startsWith('tokens.'),
    onLimit: 'deny',
    source: 'test',
    ...rest,
  };
};

export const testHold = (
  accountId: string,
  id: string,
  meters: Meters,
  rest?: Partial<HoldRequest>,
): HoldRequest => ({
  id,
  accountId,
  userId: null,
  keyId: null,
  workspaceId: null,
  ttlMs: 60_000,
  meters,
  targets: ['openai', 'openai/gpt-4o-mini'],
  detail: '{}',
  keepRefusal: true,
  ...rest,
});

export const testFacts = (facts?: Partial<CallFacts>): CallFacts => ({
  step: 'chat',
  provider: 'openai',
  model: 'gpt-4o-mini',
  endpoint: '/v1/chat/completions',
  status: 'ok',
  errorCode: null,
  usageSource: 'provider',
  inputTokens: 10,
  cacheReadTokens: undefined,
  cacheWriteTokens: undefined,
  outputTokens: 20,
  reasoningTokens: undefined,
  otherUnits: {},
  inputCostNanoUsd: 0n,
  outputCostNanoUsd: 0n,
  priceVersion: 'openai/gpt-4o-mini@2024-07-18T00:00:00.000Z',
  latencyMs: 12,
  firstByteMs: null,
  attempts: 1,
  requestBytes: 100,
  responseBytes: 200,
  providerRequestId: null,
  ...facts,
});

export const testSettle = (
  accountId: string,
  holdId: string,
  meters: Meters,
  rest?: Partial<Omit<SettleRequest, 'facts'>> & { facts?: Partial<CallFacts> },
): SettleRequest => ({
  holdId,
  accountId,
  callIndex: 0,
  close: true,
  meters,
  ...rest,
  facts: testFacts({ outputCostNanoUsd: meters['cost'] ?? 0n, ...rest?.facts }),
});
