/** The asking side of channels: see README.md. */
import { request as httpRequest, type OutgoingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import {
  createFrameReader,
  decodeHead,
  encodeCredit,
  encodeFrame,
  encodeHead,
  FRAME,
  FrameError,
  type FrameType,
} from './frames.ts';
import { createOutbox } from './outbox.ts';
import { WINDOW_BYTES } from './sender.ts';

/**
 * Told of an answer, in this order. `onEnd` or `onLost` comes once and last, unless the exchange was left before.
 * What one of them throws is the loss of its own exchange; `onLost` must not throw.
 */
export type AnswerListener<Head> = {
  onHead: (head: Head) => void;
  /** Say `passedOn` of the exchange once the bytes need no more memory here; without it no more than a window comes. */
  onData: (bytes: Buffer) => void;
  onEnd: () => void;
  /** The answer will not be completed. What was asked may have been done. */
  onLost: (error: Error) => void;
};

export type Exchange = {
  readonly passedOn: (bytes: number) => void;
  /** Nobody waits for the answer any more; nothing of it will be told. */
  readonly leave: () => void;
};

export type ChannelClientOptions = {
  url: string;
  /** What is upgraded to, and where; asked again for every connection. */
  protocol: string;
  path: string;
  headers: () => OutgoingHttpHeaders;
  /** Of an answer's frame. */
  maxFrameBytes?: number;
  connectTimeoutMs?: number;
  pingEveryMs?: number;
  /** After which a connection is renewed. */
  exchangesPerConnection?: number;
};

/** A connection that may be used now. Use it in the same turn of the event loop. */
export type Channel<Head> = {
  /** Never calls back before it returns. The body must not be changed afterwards. */
  readonly ask: (head: object, body: Buffer, listener: AnswerListener<Head>) => Exchange;
};

export type ChannelClient<Head> = {
  /**
   * An open connection, made first where there is none.
   * @throws ChannelError when none can be made; nothing has been asked then.
   */
  readonly channel: () => Channel<Head> | Promise<Channel<Head>>;
  /** Leaves when the last exchange is over, and makes no connection any more. */
  readonly close: () => Promise<void>;
};

/** No connection could be made, or the one there was has broken. */
export class ChannelError extends Error {
  override readonly name = 'ChannelError';
}

const MAX_FRAME_BYTES = 16 * 1024 * 1024;
const CONNECT_TIMEOUT_MS = 3_000;
const PING_EVERY_MS = 5_000;
/** Pings in a row without any sign of the other side, after which it has gone. */
const UNANSWERED_PINGS = 3;
/** Bytes that wait to be sent on one connection, from which on the next request takes another. */
const CONGESTED_BYTES = 65_536;
const MAX_CONNECTIONS = 8;
/** Connections are renewed now and then, so that new replicas behind one address get their share. */
const EXCHANGES_PER_CONNECTION = 100_000;
const CREDIT_AFTER_BYTES = WINDOW_BYTES / 2;

/**
 * Exchanges with one server over as few connections as will do: one, and more only while large requests fill it, so
 * that short ones need not wait behind them.
 */
export function createChannelClient<Head>(options: ChannelClientOptions): ChannelClient<Head> {
  const connections = new Set<Connection<Head>>();
  let dialling: Promise<Connection<Head>> | undefined;
  let closing = false;

  function dial(): Promise<Connection<Head>> {
    dialling ??= connect(options)
      .then((socket) => {
        const connection = openConnection<Head>(socket, options, () => connections.delete(connection));
        connections.add(connection);
        return connection;
      })
      .finally(() => {
        dialling = undefined;
      });
    return dialling;
  }

  return {
    channel() {
      if (closing) return Promise.reject(new ChannelError('closed'));
      let best: Connection<Head> | undefined;
      let usable = 0;
      for (const connection of connections) {
        if (connection.isRetired()) continue;
        usable += 1;
        if (best === undefined || connection.backlog() < best.backlog()) best = connection;
        if (best.backlog() < CONGESTED_BYTES) return best;
      }
      if (best === undefined) return dial();
      // what can be made later need not be waited for now
      if (usable < MAX_CONNECTIONS) dial().catch(() => undefined);
      return best;
    },
    async close() {
      closing = true;
      await dialling?.catch(() => undefined);
      await Promise.all(
        [...connections].map((connection) => {
          connection.retire();
          return connection.closed;
        }),
      );
    },
  };
}

function connect(options: ChannelClientOptions): Promise<Socket> {
  const { url, protocol, path, headers, connectTimeoutMs = CONNECT_TIMEOUT_MS } = options;
  const target = new URL(path, url);
  const send = target.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown) =>
      reject(new ChannelError(`no channel to ${target.host} can be opened`, { cause }));
    const request = send(target, {
      agent: false,
      headers: { ...headers(), connection: 'upgrade', upgrade: protocol },
    });
    const timer = setTimeout(() => request.destroy(new Error('no answer in time')), connectTimeoutMs);
    request.on('error', fail);
    request.on('close', () => clearTimeout(timer));
    request.on('response', (response) => {
      response.destroy();
      fail(new Error(`it answered ${response.statusCode}`));
    });
    request.on('upgrade', (_response, stream, early) => {
      const socket = stream as Socket;
      clearTimeout(timer);
      if (early.length > 0) socket.unshift(early);
      resolve(socket);
    });
    request.end();
  });
}

/** An exchange that is not over. */
type Waiting<Head> = {
  /** Null once it has left. */
  listener: AnswerListener<Head> | null;
};

type Connection<Head> = Channel<Head> & {
  readonly backlog: () => number;
  /** Takes no more exchanges, and leaves when the last is over. */
  readonly retire: () => void;
  readonly isRetired: () => boolean;
  readonly closed: Promise<void>;
};

function openConnection<Head>(
  socket: Socket,
  options: ChannelClientOptions,
  onClose: () => void,
): Connection<Head> {
  const {
    maxFrameBytes = MAX_FRAME_BYTES,
    pingEveryMs = PING_EVERY_MS,
    exchangesPerConnection = EXCHANGES_PER_CONNECTION,
  } = options;
  const waiting = new Map<number, Waiting<Head>>();
  const outbox = createOutbox(socket);
  const closed = Promise.withResolvers<void>();
  let lastExchange = 0;
  let retired = false;
  let unanswered = 0;
  let failure: Error | undefined;

  const leaveIfIdle = () => {
    if (!retired || waiting.size > 0) return;
    // whoever was given this connection in this turn of the event loop may still ask, and what was said must leave
    setImmediate(() => {
      if (waiting.size === 0) socket.end();
    });
  };
  const retire = () => {
    retired = true;
    leaveIfIdle();
  };
  const over = (exchange: number) => {
    waiting.delete(exchange);
    leaveIfIdle();
  };

  function onFrame(type: FrameType, exchange: number, payload: Buffer): void {
    if (type === FRAME.ping) return;
    if (type === FRAME.leave) {
      retire();
      return;
    }
    // whoever left is still sent what was on its way
    const one = waiting.get(exchange);
    if (one === undefined) return;
    try {
      tell(one, type, exchange, payload);
    } catch (error) {
      if (error instanceof FrameError) throw error;
      const { listener } = one;
      leave(exchange, one);
      listener?.onLost(error as Error);
    }
  }

  function tell(one: Waiting<Head>, type: FrameType, exchange: number, payload: Buffer): void {
    switch (type) {
      case FRAME.answer: {
        const { head, body } = decodeHead<Head>(payload);
        over(exchange);
        one.listener?.onHead(head);
        // it may leave at any of these
        if (body.length > 0) one.listener?.onData(body);
        one.listener?.onEnd();
        return;
      }
      case FRAME.head:
        one.listener?.onHead(decodeHead<Head>(payload).head);
        return;
      case FRAME.data:
        one.listener?.onData(payload);
        return;
      case FRAME.end:
        over(exchange);
        one.listener?.onEnd();
        return;
      case FRAME.cancel:
        over(exchange);
        one.listener?.onLost(new ChannelError('the answer was broken off'));
        return;
      default:
        throw new FrameError(`a frame of type ${type}`);
    }
  }

  function leave(exchange: number, one: Waiting<Head>): void {
    one.listener = null;
    if (!waiting.has(exchange)) return;
    outbox(encodeFrame(FRAME.cancel, exchange));
    over(exchange);
  }

  function loseAll(): void {
    const lost = [...waiting.values()];
    waiting.clear();
    for (const one of lost) {
      one.listener?.onLost(new ChannelError('the connection was lost', { cause: failure }));
    }
  }

  const read = createFrameReader(maxFrameBytes, onFrame);
  const pings = setInterval(() => {
    if (unanswered >= UNANSWERED_PINGS) {
      socket.destroy(new ChannelError('the other side is silent'));
      return;
    }
    unanswered += 1;
    outbox(encodeFrame(FRAME.ping, 0));
  }, pingEveryMs);
  pings.unref();

  socket.setNoDelay(true);
  socket.setTimeout(0);
  socket.on('data', (chunk: Buffer) => {
    unanswered = 0;
    try {
      read(chunk);
    } catch (error) {
      socket.destroy(error as Error);
    }
  });
  socket.on('error', (error) => {
    failure = error;
  });
  socket.on('close', () => {
    clearInterval(pings);
    retired = true;
    onClose();
    closed.resolve();
    loseAll();
  });

  return {
    ask(head, body, listener) {
      lastExchange += 1;
      const exchange = lastExchange;
      const one: Waiting<Head> = { listener };
      let uncredited = 0;
      outbox(encodeHead(FRAME.request, exchange, head, body.length), body);
      waiting.set(exchange, one);
      if (lastExchange >= exchangesPerConnection) retire();
      if (socket.closed) process.nextTick(loseAll);
      return {
        passedOn(bytes) {
          uncredited += bytes;
          if (uncredited < CREDIT_AFTER_BYTES || !waiting.has(exchange)) return;
          outbox(encodeCredit(exchange, uncredited));
          uncredited = 0;
        },
        leave: () => leave(exchange, one),
      };
    },
    backlog: () => socket.writableLength,
    retire,
    isRetired: () => retired || !socket.writable,
    closed: closed.promise,
  };
}
