/** Load shedding: a process whose event loop lags refuses requests instead of queueing them. */
import underPressure, { TYPE_EVENT_LOOP_DELAY } from '@fastify/under-pressure';
import type { FastifyInstance } from 'fastify';
import { problem } from '#libs/problems/problems.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** Whether new requests should be refused; never, without a limit. */
    isOverloaded: () => boolean;
  }
}

const SAMPLE_MS = 500;

/** Refuses requests while the mean delay of the event loop is above a limit. @param limitMs 0 never refuses. */
export function shedLoad(app: FastifyInstance, limitMs: number): void {
  if (limitMs === 0) {
    app.decorate('isOverloaded', () => false);
    return;
  }
  app.register(underPressure, {
    maxEventLoopDelay: limitMs,
    sampleInterval: SAMPLE_MS,
    pressureHandler: async (_request, _reply, type, value) => {
      if (type === TYPE_EVENT_LOOP_DELAY && isAbove(limitMs, value ?? 0)) throw overloaded();
    },
  });
  app.decorate('isOverloaded', () => isAbove(limitMs, app.memoryUsage().eventLoopDelay));
}

/** @param delayMs infinite after an interval without a single sample: the process stood still, which says nothing about its load. */
export function isAbove(limitMs: number, delayMs: number): boolean {
  return delayMs > limitMs && delayMs !== Number.POSITIVE_INFINITY;
}

const overloaded = () => problem('overloaded', { headers: { 'retry-after': '1' } });
