/** Answers that outlive the request they were given to. */

/** An answer as it went to the client. */
export type ForwardedAnswer = { status: number; headers: Record<string, string>; body: Buffer };

/** What generation knows of a request: its answer, that it is at it, or nothing. */
export type KeptResult =
  | { state: 'done'; answer: ForwardedAnswer }
  | { state: 'running' }
  | { state: 'unknown' };

export type KeyName = { accountId: string; key: string };

export type KeyRow = {
  bodyHash: string;
  requestId: string;
  leaseUntil: Date;
  answer: ForwardedAnswer | null;
};

/** Who runs the request behind an `Idempotency-Key`, and what it was answered. */
export type IdempotencyStore = {
  /** Claims the key for a request. False where somebody has it. */
  claim: (
    name: KeyName,
    claim: { bodyHash: string; requestId: string; now: Date; leaseUntil: Date },
  ) => Promise<boolean>;
  find: (name: KeyName, now: Date) => Promise<KeyRow | undefined>;
  /** Takes a key over from a request whose lease ran out. False where another was quicker. */
  takeOver: (name: KeyName, from: KeyRow, to: { requestId: string; leaseUntil: Date }) => Promise<boolean>;
  renew: (requestIds: readonly string[], leaseUntil: Date) => Promise<void>;
  finish: (name: KeyName, requestId: string, answer: ForwardedAnswer) => Promise<void>;
  release: (name: KeyName, requestId: string) => Promise<void>;
  /** Deletes what is older than its day. */
  purge: (now: Date) => Promise<number>;
};
