/**
 * A client for backends that do metered work of their own, without dependencies. Copy it; the API is described in
 * `openapi.yaml`.
 *
 * ```ts
 * const metering = createMetering({ baseUrl: 'https://inkmeter.example', apiKey: process.env.INKMETER_KEY });
 * const text = await metering.run([{ model: 'gpt-4o-mini', input_tokens: 900, output_tokens: 400 }], async () => {
 *   const answer = await callTheProvider();
 *   return { result: answer.text, settlements: [{ usage: { input: answer.promptTokens, output: answer.outputTokens } }] };
 * });
 * ```
 */
export type Operation = {
  name?: string;
  model?: string;
  input_tokens?: number;
  output_tokens?: number;
  units?: Record<string, number>;
  meters?: Record<string, string>;
};
export type Settlement = {
  status?: 'ok' | 'error' | 'unknown';
  usage?: Record<string, number>;
  meters?: Record<string, string>;
};
export type Check = {
  allowed: boolean;
  cost_usd: string;
  operations: { allowed: boolean; reason: string | null; cost_usd: string | null }[];
  remaining: { meter: string; window: string; remaining: string | null }[];
};
export type Event = { id: string; meter: string; amount: string; occurred_at?: string; corrects?: string };

/** What the browsers of an end user may do; everything that the key may unless given. */
export type Restrictions = {
  models?: string[];
  origins?: string[];
  limits?: { meter: string; window: string; amount: { kind: 'limited'; value_usd: string } }[];
};

/** A refusal. Branch on `code`; `problem` has the limit that refused, and plans that would lift it. */
export class MeteringError extends Error {
  override readonly name = 'MeteringError';
  readonly code: string;
  readonly problem: Record<string, unknown>;

  constructor(problem: Record<string, unknown>) {
    super(String(problem.detail));
    this.code = String(problem.code);
    this.problem = problem;
  }
}

export function createMetering({ baseUrl, apiKey }: { baseUrl: string; apiKey: string }) {
  /** Repeats after a lost connection or a 503; the key makes that safe. */
  async function post<Answer>(path: string, body: object, key = crypto.randomUUID()): Promise<Answer> {
    for (let attempt = 1; ; attempt += 1) {
      const response = await fetch(`${baseUrl}${path}`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${apiKey}`,
          'content-type': 'application/json',
          'idempotency-key': key,
        },
        body: JSON.stringify(body),
      }).catch((error: unknown) => {
        if (attempt === 3) throw error;
      });
      if (response !== undefined && (response.status !== 503 || attempt === 3)) {
        const answer = (await response.json()) as Record<string, unknown>;
        if (!response.ok) throw new MeteringError(answer);
        return answer as Answer;
      }
      await new Promise((resolve) => setTimeout(resolve, 250 * attempt));
    }
  }

  return {
    check: (operations: Operation[]) => post<Check>('/api/check', { operations }),

    /** A token of 15 minutes with which a browser of this end user calls the API directly. */
    sessionToken: (endUser: string, restrictions: Restrictions = {}) =>
      post<{ token: string; expires_at: string }>('/api/session-tokens', {
        end_user: endUser,
        ...restrictions,
      }),

    report: (events: Event[]) =>
      post<{ results: { id: string; status: string }[] }>('/api/events', { events }),

    /**
     * Holds the worst case of the operations, runs the work, and settles what it used: one settlement for each operation,
     * in order. Work that throws counts at what was held, because it may have been done; throw `NotStarted` if it was not.
     */
    async run<Result>(
      operations: Operation[],
      work: () => Promise<{ result: Result; settlements: Settlement[] }>,
      expiresInSeconds = 300,
    ): Promise<Result> {
      const { id } = await post<{ id: string }>('/api/holds', {
        operations,
        expires_in_seconds: expiresInSeconds,
      });
      const settle = (settlements: Settlement[]) =>
        Promise.all(
          settlements.map((each, operation) => post(`/api/holds/${id}/settle`, { ...each, operation })),
        );
      const close = () => post(`/api/holds/${id}/close`, {});
      const done = await work().catch(async (error: unknown) => {
        if (!(error instanceof NotStarted)) await settle(operations.map(() => ({ status: 'unknown' })));
        await close();
        throw error;
      });
      await settle(done.settlements);
      await close();
      return done.result;
    },
  };
}

/** Thrown by work that has not called anything that costs money. */
export class NotStarted extends Error {
  override readonly name = 'NotStarted';
}
