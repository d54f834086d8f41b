/** The answering side of channels: see README.md. */
import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createFrameReader, decodeCredit, decodeHead, encodeFrame, FRAME, FrameError } from './frames.ts';
import { createOutbox } from './outbox.ts';
import { type ControlledSender, createSender, type Sender } from './sender.ts';

export type ChannelServerOptions<RequestHead, AnswerHead> = {
  /** Of a request, head and body together. */
  maxRequestBytes: number;
  /** The status to refuse a client with; null where it may speak. Must not throw. */
  refuse: (request: IncomingMessage) => 401 | 404 | null;
  /** Serves one exchange. Must not reject: what it leaves open is cancelled. */
  serve: (request: { head: RequestHead; body: Buffer }, answer: Sender<AnswerHead>) => Promise<void>;
  /** Told what `serve` rejects with, and why the connection of a client was closed that does not keep to the frames. */
  onError: (error: Error) => void;
  /** A client of which nothing comes for so long, or at most twice that, has gone; it pings much more often. */
  silenceMs?: number;
};

export type ChannelServer = {
  /** Refuses new connections, and asks clients to leave. Resolves when they have, which is when their exchanges are over. */
  drain: () => Promise<void>;
  /** Cuts what is left, as if clients had gone. */
  drop: () => void;
};

const SILENCE_MS = 30_000;
/** Of one piece of what arrives; after so many, whatever else waits in this process gets its turn. */
const REQUESTS_IN_A_ROW = 16;

/** Lets clients of an HTTP server upgrade their connections to channels (RFC 9110, section 7.8). */
export function acceptChannels<RequestHead, AnswerHead extends object>(
  server: Server,
  protocol: string,
  options: ChannelServerOptions<RequestHead, AnswerHead>,
): ChannelServer {
  const channels = new Set<ServerChannel>();
  const allLeft = Promise.withResolvers<void>();
  let draining = false;

  const refusalOf = (request: IncomingMessage) => {
    if (request.headers.upgrade?.toLowerCase() !== protocol) return 426;
    return options.refuse(request) ?? (draining ? 503 : null);
  };

  server.on('upgrade', (request: IncomingMessage, stream: Duplex, early: Buffer) => {
    const socket = stream as Socket;
    socket.on('error', () => undefined);
    const refusal = refusalOf(request);
    if (refusal !== null) {
      const answer = `HTTP/1.1 ${refusal} Refused\r\nconnection: close, upgrade\r\nupgrade: ${protocol}\r\ncontent-length: 0\r\n\r\n`;
      socket.end(answer, () => socket.destroy());
      return;
    }
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: ${protocol}\r\n\r\n`);
    const channel = openChannel(socket, options, () => {
      channels.delete(channel);
      if (draining && channels.size === 0) allLeft.resolve();
    });
    channels.add(channel);
    if (early.length > 0) channel.read(early);
  });

  return {
    async drain() {
      draining = true;
      for (const channel of channels) channel.leave();
      if (channels.size > 0) await allLeft.promise;
    },
    drop() {
      for (const channel of channels) channel.close();
    },
  };
}

type ServerChannel = {
  read: (chunk: Buffer) => void;
  leave: () => void;
  close: () => void;
};

function openChannel<RequestHead, AnswerHead extends object>(
  socket: Socket,
  { maxRequestBytes, serve, onError, silenceMs = SILENCE_MS }: ChannelServerOptions<RequestHead, AnswerHead>,
  onClose: () => void,
): ServerChannel {
  const answers = new Map<number, ControlledSender<AnswerHead>>();
  const outbox = createOutbox(socket);
  let heard = true;
  let begun = 0;

  function begin(exchange: number, payload: Buffer): void {
    if (answers.has(exchange)) throw new FrameError('an exchange begun twice');
    const request = decodeHead<RequestHead>(payload);
    begun += 1;
    const answer = createSender<AnswerHead>(exchange, outbox, () => answers.delete(exchange));
    answers.set(exchange, answer);
    Promise.try(serve, request, answer)
      .catch(onError)
      .finally(() => {
        if (!answer.hasEnded()) answer.cancel();
      });
  }

  /** One exchange's mistake must not cost the others their connection. */
  function tellGone(answer: ControlledSender<AnswerHead>): void {
    try {
      answer.gone();
    } catch (error) {
      onError(error as Error);
    }
  }

  const reader = createFrameReader(maxRequestBytes, (type, exchange, payload) => {
    switch (type) {
      case FRAME.request:
        begin(exchange, payload);
        return;
      case FRAME.credit:
        answers.get(exchange)?.credit(decodeCredit(payload));
        return;
      case FRAME.cancel: {
        const answer = answers.get(exchange);
        if (answer) tellGone(answer);
        return;
      }
      case FRAME.ping:
        outbox(encodeFrame(FRAME.ping, 0));
        return;
      default:
        throw new FrameError(`a frame of type ${type}`);
    }
  });
  const read = (chunk: Buffer) => {
    heard = true;
    begun = 0;
    try {
      reader(chunk);
      if (begun >= REQUESTS_IN_A_ROW) breathe();
    } catch (error) {
      onError(error as Error);
      socket.destroy();
    }
  };

  /** Node reads up to two megabytes from a socket before it looks at anything else. */
  const breathe = () => {
    socket.pause();
    setImmediate(() => socket.resume());
  };

  // the socket's own timeout would count what is written, too
  const watch = setInterval(() => {
    if (!heard) socket.destroy();
    heard = false;
  }, silenceMs);
  watch.unref();

  socket.setNoDelay(true);
  socket.setTimeout(0);
  socket.on('data', read);
  socket.on('end', () => socket.end());
  socket.on('close', () => {
    clearInterval(watch);
    for (const answer of [...answers.values()]) tellGone(answer);
    onClose();
  });
  return {
    read,
    leave: () => outbox(encodeFrame(FRAME.leave, 0)),
    close: () => socket.destroy(),
  };
}
