import { Counter } from 'prom-client';
import type { Metrics } from '#libs/service/metrics.ts';
import type { CacheOptions } from './copies.ts';

const NANO_USD = 1e9;

/** The hit rate is the share of `hit` and `shared`. */
export function createCacheRecorder({ registry }: Pick<Metrics, 'registry'>): CacheOptions['recordCache'] {
  const registers = [registry];
  const jobs = new Counter({
    name: 'inkmeter_content_cache_total',
    help: 'Content jobs that take part in the cache, by outcome',
    labelNames: ['outcome'] as const,
    registers,
  });
  const saved = new Counter({
    name: 'inkmeter_content_cache_saved_usd_total',
    help: 'What results from the cache cost when they were written, less what they cost as copies',
    registers,
  });
  return (outcome, savedNanoUsd) => {
    jobs.inc({ outcome });
    if (savedNanoUsd > 0n) saved.inc(Number(savedNanoUsd) / NANO_USD);
  };
}
