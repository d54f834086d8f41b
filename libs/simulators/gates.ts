/** Named gates that calls wait at, for tests that decide when a provider answers. */
export interface Gates {
  /** Runs `proceed` once the gate is open. @returns a function that gives up the wait */
  wait(name: string, proceed: () => void): () => void;
  /** Lets all calls pass that wait, and all later ones. */
  open(name: string): void;
  clear(): void;
}

export function createGates(): Gates {
  const opened = new Set<string>();
  const waiting = new Map<string, Set<() => void>>();
  return {
    wait(name, proceed) {
      if (opened.has(name)) {
        proceed();
        return () => undefined;
      }
      const group = waiting.get(name) ?? new Set();
      waiting.set(name, group.add(proceed));
      return () => group.delete(proceed);
    },
    open(name) {
      opened.add(name);
      for (const proceed of waiting.get(name) ?? []) proceed();
      waiting.delete(name);
    },
    clear: () => opened.clear(),
  };
}
