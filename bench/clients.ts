/** Misbehaving clients: sockets that send exactly the given bytes. */
import { connect, type Socket } from 'node:net';

export type HostileClient = {
  socket: Socket;
  /** Resolves at the first bytes of an answer, or with null if the connection ends without any. */
  answered: Promise<string | null>;
  /** Resolves when the connection has ended, on either side. */
  closed: Promise<void>;
};

export function openClient(address: string): HostileClient {
  const [host = '', port = ''] = address.split(':');
  const socket = connect({ host, port: Number(port), noDelay: true });
  socket.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const answered = new Promise<string | null>((resolve) => {
    socket.once('data', (data: Buffer) => resolve(data.toString('latin1')));
    socket.once('close', () => resolve(null));
  });
  return { socket, answered, closed };
}

/** A complete request, for a client that is slow or silent afterwards. */
export function requestText(path: string, authorization: string, body: string): string {
  return `${requestHead(path, authorization, Buffer.byteLength(body))}${body}`;
}

export function requestHead(path: string, authorization: string, length: number): string {
  return `POST ${path} HTTP/1.1\r\nhost: bench\r\nauthorization: ${authorization}\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n`;
}
