/** Remembers which models fail, so that calls with an alternative do not wait for them. */

export type CircuitBreaker = {
  /** False while a target fails, except for one call after each pause, which tries whether it has recovered. */
  readonly allows: (target: string) => boolean;
  readonly succeeded: (target: string) => void;
  readonly failed: (target: string) => void;
  /** The targets that fail. */
  readonly avoided: () => string[];
};

export type CircuitBreakerOptions = {
  /** Failures in a row after which a target is avoided. */
  failures: number;
  pauseMs: number;
  monotonicMs?: () => number;
};

type Circuit = { failures: number; triesAgainAtMs: number };

/** One process's view. Targets are `provider/model`, of which there are few. */
export function createCircuitBreaker({
  failures: most,
  pauseMs,
  monotonicMs = () => performance.now(),
}: CircuitBreakerOptions): CircuitBreaker {
  const circuits = new Map<string, Circuit>();
  return {
    allows(target) {
      const circuit = circuits.get(target);
      if (circuit === undefined || circuit.failures < most) return true;
      if (circuit.triesAgainAtMs > monotonicMs()) return false;
      circuit.triesAgainAtMs = monotonicMs() + pauseMs;
      return true;
    },
    succeeded: (target) => {
      circuits.delete(target);
    },
    failed(target) {
      const failures = (circuits.get(target)?.failures ?? 0) + 1;
      circuits.set(target, { failures, triesAgainAtMs: monotonicMs() + pauseMs });
    },
    avoided: () => [...circuits].flatMap(([target, { failures }]) => (failures < most ? [] : [target])),
  };
}
