/**
 * Shares readings between all streams of this process. However many there are, one query a second finds the accounts that
 * have changed; their limits are read once for all streams that see the same. An account at rest costs nothing more, and
 * the ledger does nothing for streams.
 */
import type { Caller } from '#libs/contracts/internal-context.ts';
import type { LimitReading } from '#libs/contracts/limits.ts';
import type { Logger } from '#libs/service/logger.ts';
import type { Clock } from '#libs/service/runtime.ts';
import { changesBetween, firstReset, type LimitChanges } from './domain.ts';

/** Whose usage a stream shows: the caller's. */
export type Viewer = Pick<Caller, 'accountId' | 'userId' | 'keyId' | 'workspaceId'>;

export type Subscriber = {
  onLimits: (changes: LimitChanges) => void;
  /** The account has alerts that the subscriber may not have seen. */
  onAlerts: () => void;
};

export type HubOptions = {
  readMarks: (accountIds: readonly string[]) => Promise<Map<string, string>>;
  readLimits: (viewer: Viewer) => Promise<LimitReading[]>;
  clock: Clock;
  logger: Pick<Logger, 'warn'>;
  intervalMs?: number;
};

export type UsageHub = {
  /** Resolves with every limit that the viewer sees; changes follow until the returned function is called. */
  readonly subscribe: (
    viewer: Viewer,
    subscriber: Subscriber,
  ) => Promise<{ limits: LimitReading[]; unsubscribe: () => void }>;
  readonly notifyOfAlerts: (accountId: string) => void;
  /** After notifications may have been lost. */
  readonly notifyAll: () => void;
  /** Reads what has changed now; the hub does so at its interval while there are subscribers. */
  readonly refresh: () => Promise<void>;
  readonly stop: () => void;
};

/** All streams that see the same. */
type View = {
  viewer: Viewer;
  subscribers: Set<Subscriber>;
  limits: LimitReading[];
  /** Of the account, when the limits were read. */
  mark: string | undefined;
  resetsAt: number | null;
  /** The first reading. */
  loading: Promise<void> | null;
};
type Account = Map<string, View>;

const INTERVAL_MS = 1_000;
const MARKS_PER_QUERY = 2_000;
/** Readings at the same time: fewer than the connections of the process. */
const PARALLEL_READS = 4;

export function createUsageHub(options: HubOptions): UsageHub {
  const { readMarks, readLimits, clock, logger, intervalMs = INTERVAL_MS } = options;
  const accounts = new Map<string, Account>();
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | null = null;

  async function load(view: View): Promise<void> {
    const { accountId } = view.viewer;
    // The mark first: a change between the two readings is read again.
    view.mark = (await readMarks([accountId])).get(accountId);
    view.limits = await readLimits(view.viewer);
    view.resetsAt = firstReset(view.limits);
  }

  async function reload(view: View, mark: string | undefined): Promise<void> {
    const limits = await readLimits(view.viewer);
    const changes = changesBetween(view.limits, limits);
    Object.assign(view, { limits, mark, resetsAt: firstReset(limits) });
    if (changes.limits.length === 0) return;
    for (const { onLimits } of view.subscribers) onLimits(changes);
  }

  /** The views whose account has changed, or of which a window has ended. */
  async function findDue(): Promise<{ view: View; mark: string | undefined }[]> {
    const now = clock.now().getTime();
    const ids = [...accounts.keys()];
    const due: { view: View; mark: string | undefined }[] = [];
    for (let from = 0; from < ids.length; from += MARKS_PER_QUERY) {
      const some = ids.slice(from, from + MARKS_PER_QUERY);
      const marks = await readMarks(some);
      for (const id of some) {
        const mark = marks.get(id);
        for (const view of accounts.get(id)?.values() ?? []) {
          const isDue = mark !== view.mark || (view.resetsAt !== null && view.resetsAt <= now);
          if (isDue && view.loading === null) due.push({ view, mark });
        }
      }
    }
    return due;
  }

  async function refreshOnce(): Promise<void> {
    const due = await findDue();
    const read = async () => {
      for (let next = due.pop(); next !== undefined; next = due.pop()) await reload(next.view, next.mark);
    };
    await Promise.all(Array.from({ length: PARALLEL_READS }, read));
  }

  function refresh(): Promise<void> {
    running ??= refreshOnce()
      .catch((error: unknown) => logger.warn({ err: error }, 'usage not read for streams'))
      .finally(() => {
        running = null;
      });
    return running;
  }

  /** The pause begins when a reading has ended, so that a slow database is not asked more often. */
  function schedule(): void {
    timer ??= setTimeout(async () => {
      await refresh();
      timer = undefined;
      if (accounts.size > 0) schedule();
    }, intervalMs).unref();
  }

  function viewOf(viewer: Viewer): View {
    const { accountId, userId, keyId, workspaceId } = viewer;
    const account: Account = accounts.get(accountId) ?? new Map();
    accounts.set(accountId, account);
    const key = `${userId} ${keyId} ${workspaceId}`;
    const known = account.get(key);
    if (known !== undefined) return known;
    const nothing = { limits: [], mark: undefined, resetsAt: null, loading: null };
    const view: View = { viewer, subscribers: new Set(), ...nothing };
    account.set(key, view);
    view.loading = load(view).finally(() => {
      view.loading = null;
    });
    return view;
  }

  function leave(view: View, subscriber: Subscriber): void {
    view.subscribers.delete(subscriber);
    if (view.subscribers.size > 0) return;
    const { accountId } = view.viewer;
    const account = accounts.get(accountId);
    for (const [key, one] of account ?? []) if (one === view) account?.delete(key);
    if (account?.size === 0) accounts.delete(accountId);
  }

  function notifySubscribers(account: Account): void {
    for (const { subscribers } of account.values()) for (const { onAlerts } of subscribers) onAlerts();
  }

  return {
    async subscribe(viewer, subscriber) {
      const view = viewOf(viewer);
      view.subscribers.add(subscriber);
      try {
        await view.loading;
      } catch (error) {
        leave(view, subscriber);
        throw error;
      }
      schedule();
      return { limits: view.limits, unsubscribe: () => leave(view, subscriber) };
    },
    notifyOfAlerts(accountId) {
      const account = accounts.get(accountId);
      if (account !== undefined) notifySubscribers(account);
    },
    notifyAll() {
      for (const account of accounts.values()) notifySubscribers(account);
    },
    refresh,
    stop() {
      clearTimeout(timer);
      accounts.clear();
    },
  };
}
