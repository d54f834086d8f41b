/** Channels as tests open them: real sockets, servers of a few answers, clients that note what they are told. */
import { EventEmitter, once } from 'node:events';
import { createServer as createHttpServer, request as httpRequest } from 'node:http';
import type { Socket } from 'node:net';
import type { Test } from 'tap';
import { listenServerOnFreePort } from '#libs/testing/http.ts';
import {
  type Channel,
  type ChannelClient,
  type ChannelClientOptions,
  createChannelClient,
  type Exchange,
} from './client.ts';
import type { Sender } from './sender.ts';
import { acceptChannels, type ChannelServerOptions } from './server.ts';

export type Question = { ask: string; size?: number };
export type Reply = { status: number };
export type Answer = Sender<Reply>;
/** What a server does when it is asked this. */
export type Handlers = Record<string, (answer: Answer, body: Buffer, question: Question) => unknown>;

export const PROTOCOL = 'test-channel';
export const OK: Reply = { status: 200 };
export const EMPTY = Buffer.alloc(0);
export const MAX_REQUEST_BYTES = 64 * 1024 * 1024;

/** A server of these answers and `echo`. `sockets` are its connections in the order of their coming. */
export async function serve(
  t: Test,
  handlers: Handlers = {},
  options: Partial<ChannelServerOptions<Question, Reply>> = {},
) {
  const server = createHttpServer();
  const sockets: Socket[] = [];
  const errors: Error[] = [];
  const asked: string[] = [];
  server.on('connection', (socket) => sockets.push(socket));
  const known: Handlers = { echo: (answer, body) => answer.whole(OK, Buffer.from(body)), ...handlers };
  const channels = acceptChannels<Question, Reply>(server, PROTOCOL, {
    maxRequestBytes: MAX_REQUEST_BYTES,
    refuse: ({ url }) => (url === '/channel' ? null : 404),
    onError: (error) => errors.push(error),
    serve: async ({ head, body }, answer) => {
      asked.push(head.ask);
      await known[head.ask]?.(answer, body, head);
    },
    ...options,
  });
  const url = await listenServerOnFreePort(t, server);
  t.teardown(channels.drop);
  return { url, server, channels, sockets, errors, asked };
}

export function connect(
  t: Test,
  url: string,
  options: Partial<ChannelClientOptions> = {},
): ChannelClient<Reply> {
  const client = createChannelClient<Reply>({
    url,
    protocol: PROTOCOL,
    path: '/channel',
    headers: () => ({}),
    ...options,
  });
  t.teardown(() => void client.close());
  return client;
}

/** One exchange, and what its listener is told. */
export type Told = {
  /** `head`, `data` for each piece, `end` or `lost`, in their order. */
  events: string[];
  head: Reply | undefined;
  pieces: Buffer[];
  bytes: () => number;
  error: Error | undefined;
  exchange: Exchange;
  /** Resolves when so many bytes have come. */
  received: (bytes: number) => Promise<void>;
  /** Resolves when it has ended or is lost. */
  over: Promise<Told>;
};

/** Whoever is `slow` passes nothing on but what the test does. */
export type AskOptions = { slow?: boolean; onHead?: (told: Told) => void };

/** Asks on a connection, and passes on at once what comes. */
export function ask(
  channel: Channel<Reply>,
  question: Question,
  body: Buffer = EMPTY,
  { slow = false, onHead = () => undefined }: AskOptions = {},
): Told {
  const progress = new EventEmitter();
  const over = Promise.withResolvers<Told>();
  const told: Told = {
    events: [],
    head: undefined,
    pieces: [],
    bytes: () => told.pieces.reduce((sum, piece) => sum + piece.length, 0),
    error: undefined,
    exchange: channel.ask(question, body, {
      onHead(head) {
        told.events.push('head');
        told.head = head;
        onHead(told);
      },
      onData(bytes) {
        told.events.push('data');
        told.pieces.push(Buffer.from(bytes));
        if (!slow) told.exchange.passedOn(bytes.length);
        progress.emit('data');
      },
      onEnd() {
        told.events.push('end');
        over.resolve(told);
      },
      onLost(error) {
        told.events.push('lost');
        told.error = error;
        over.resolve(told);
      },
    }),
    async received(bytes) {
      while (told.bytes() < bytes) await once(progress, 'data');
    },
    over: over.promise,
  };
  return told;
}

export const askNow = async (
  client: ChannelClient<Reply>,
  question: Question,
  body?: Buffer,
  options?: AskOptions,
) => ask(await client.channel(), question, body, options);

export const text = ({ pieces }: Told) => Buffer.concat(pieces).toString();

/** Sends something there and back: what either side had sent before has come. */
export async function roundTrip(client: ChannelClient<Reply>): Promise<void> {
  await (await askNow(client, { ask: 'echo' })).over;
}

/** Opens a connection whose frames the test writes itself. */
export async function connectRaw(t: Test, url: string): Promise<Socket> {
  const request = httpRequest(`${url}/channel`, {
    agent: false,
    headers: { connection: 'upgrade', upgrade: PROTOCOL },
  });
  request.end();
  const [, socket] = (await once(request, 'upgrade')) as [unknown, Socket];
  socket.on('error', () => undefined);
  t.teardown(() => socket.destroy());
  return socket;
}

/** A server that upgrades and then does what the test says. */
export async function serveRaw(t: Test, onSocket: (socket: Socket) => void): Promise<string> {
  const server = createHttpServer();
  const sockets: Socket[] = [];
  server.on('upgrade', (_request, stream) => {
    const socket = stream as Socket;
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: ${PROTOCOL}\r\n\r\n`);
    onSocket(socket);
  });
  const url = await listenServerOnFreePort(t, server);
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
  });
  return url;
}
