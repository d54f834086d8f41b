/** Load shedding: a process whose event loop lags refuses requests instead of queueing them. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { FastifyInstance } from 'fastify';
import { problem } from '#libs/problems/problems.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** Whether new requests should be refused; never, without a limit. */
    isOverloaded: () => boolean;
  }
}

const SAMPLE_MS = 500;
const RESOLUTION_MS = 10;

/** Refuses requests while the mean delay of the event loop is above a limit. @param limitMs 0 never refuses. */
export function shedLoad(app: FastifyInstance, limitMs: number): void {
  if (limitMs === 0) {
    app.decorate('isOverloaded', () => false);
    return;
  }
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  let delayMs = 0;
  let sampledAt = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    delayMs = meanDelayMs(histogram.mean, now - sampledAt - SAMPLE_MS);
    sampledAt = now;
    histogram.reset();
  }, SAMPLE_MS).unref();
  const isOverloaded = () => delayMs > limitMs;
  app.decorate('isOverloaded', isOverloaded);
  app.addHook('onRequest', (_request, _reply, done) => {
    done(isOverloaded() ? problem('overloaded', { headers: { 'retry-after': '1' } }) : undefined);
  });
  app.addHook('onClose', (_app, done) => {
    clearInterval(timer);
    histogram.disable();
    done();
  });
}

/**
 * @param meanNanoseconds of the histogram: `NaN` after an interval in which the process hardly ran.
 * @param lateMs how much later than planned the sample is taken, which is the delay where the histogram has none.
 */
export function meanDelayMs(meanNanoseconds: number, lateMs: number): number {
  return Math.max(0, Number.isNaN(meanNanoseconds) ? lateMs : meanNanoseconds / 1e6 - RESOLUTION_MS);
}
