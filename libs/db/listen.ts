import pg from 'pg';

export type ListenerOptions = {
  connectionString: string;
  /** Shown in `pg_stat_activity`. */
  applicationName: string;
  /** Called for every broken connection and failed attempt. */
  onError?: (error: Error) => void;
  /** How often the connection is proved to be alive; 1 s by default. An answer is awaited equally long, twice. */
  heartbeatMs?: number;
  /** First pause before a reconnect, doubled up to 2 s; 50 ms by default. */
  retryDelayMs?: number;
};

export type Notify = (channel: string, payload: string) => void;

export type Listener = {
  /**
   * Subscribes to channels. Resolves once the server has confirmed them: notifications committed later are delivered.
   *
   * @param onNotify Called for each notification on one of `channels`.
   * @param onGap Called after every reconnect, because notifications may have been missed: flush what they keep fresh.
   * @returns Ends the subscription.
   */
  listen: (channels: readonly string[], onNotify: Notify, onGap: () => void) => Promise<() => void>;
  /** False while notifications may be getting lost; caches must not be trusted then. */
  isConnected: () => boolean;
  /** Closes the connection for good. */
  close: () => Promise<void>;
};

type Subscription = { channels: ReadonlySet<string>; onNotify: Notify; onGap: () => void };

const MAX_RETRY_DELAY_MS = 2_000;

/**
 * One connection per process that listens for PostgreSQL notifications, shared by all who subscribe.
 * It reconnects by itself, with growing pauses, for as long as it is not closed.
 *
 * Needs a direct connection: a pooler in transaction mode drops LISTEN silently.
 */
export function createListener(options: ListenerOptions): Listener {
  const heartbeatMs = options.heartbeatMs ?? 1_000;
  const firstDelayMs = options.retryDelayMs ?? 50;
  // The driver takes a limit per query, which its types do not know (pg/lib/client.js, `query_timeout`).
  const heartbeat: pg.QueryConfig & { query_timeout: number } = {
    text: 'select 1',
    query_timeout: heartbeatMs * 2,
  };
  const subscriptions = new Set<Subscription>();
  let client: pg.Client | null = null;
  let connecting: Promise<void> | null = null;
  let isConnected = false;
  let isClosed = false;
  let hadConnection = false;
  let timer: NodeJS.Timeout | undefined;
  let retryDelayMs = firstDelayMs;

  const report = (error: unknown) =>
    options.onError?.(error instanceof Error ? error : new Error(String(error)));

  function drop(dropped: pg.Client, error: unknown): void {
    if (client !== dropped) return;
    client = null;
    isConnected = false;
    clearTimeout(timer);
    // Not awaited: a half-open connection never answers.
    dropped.end().catch(() => undefined);
    if (isClosed) return;
    report(error);
    retry();
  }

  function retry(): void {
    timer = setTimeout(() => {
      ensureConnected().catch(() => undefined);
    }, retryDelayMs);
    timer.unref();
    retryDelayMs = Math.min(retryDelayMs * 2, MAX_RETRY_DELAY_MS);
  }

  function beat(alive: pg.Client): void {
    timer = setTimeout(() => {
      alive.query(heartbeat).then(
        () => {
          if (client === alive) beat(alive);
        },
        (error) => drop(alive, error),
      );
    }, heartbeatMs);
    timer.unref();
  }

  function dispatch({ channel, payload }: pg.Notification): void {
    for (const subscription of subscriptions) {
      if (subscription.channels.has(channel)) subscription.onNotify(channel, payload ?? '');
    }
  }

  async function connect(): Promise<void> {
    const candidate = new pg.Client({
      connectionString: options.connectionString,
      application_name: options.applicationName,
      connectionTimeoutMillis: 5_000,
      query_timeout: 5_000,
      keepAlive: true,
    });
    client = candidate;
    candidate.on('error', (error) => drop(candidate, error));
    candidate.on('end', () => drop(candidate, new Error('The listening connection ended.')));
    candidate.on('notification', dispatch);
    try {
      await candidate.connect();
      const channels = new Set([...subscriptions].flatMap(({ channels }) => [...channels]));
      for (const channel of channels) await candidate.query(`listen ${pg.escapeIdentifier(channel)}`);
    } catch (error) {
      drop(candidate, error);
      throw error;
    }
    if (client !== candidate) throw new Error('The listening connection broke while it was set up.');
    isConnected = true;
    retryDelayMs = firstDelayMs;
    beat(candidate);
    if (hadConnection) for (const subscription of subscriptions) subscription.onGap();
    hadConnection = true;
  }

  async function ensureConnected(): Promise<void> {
    if (isConnected || isClosed) return;
    connecting ??= connect().finally(() => {
      connecting = null;
    });
    await connecting;
  }

  async function listen(
    channels: readonly string[],
    onNotify: Notify,
    onGap: () => void,
  ): Promise<() => void> {
    const subscription: Subscription = { channels: new Set(channels), onNotify, onGap };
    await ensureConnected();
    subscriptions.add(subscription);
    try {
      for (const channel of channels) await client?.query(`listen ${pg.escapeIdentifier(channel)}`);
    } catch (error) {
      subscriptions.delete(subscription);
      throw error;
    }
    return () => {
      subscriptions.delete(subscription);
    };
  }

  async function close(): Promise<void> {
    isClosed = true;
    isConnected = false;
    clearTimeout(timer);
    await connecting?.catch(() => undefined);
    await client?.end().catch(() => undefined);
    client = null;
  }

  return { listen, isConnected: () => isConnected, close };
}
