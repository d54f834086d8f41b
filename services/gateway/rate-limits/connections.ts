import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { HOST, networkOf } from './domain/network.ts';

/** Closes new connections of an address that has `max` open ones, so that one client cannot take them all. */
export function limitConnections(server: Server, max: number): void {
  const open = new Map<string, number>();
  server.prependListener('connection', (socket: Socket) => {
    const source = networkOf(socket.remoteAddress ?? '', HOST);
    const count = (open.get(source) ?? 0) + 1;
    if (count > max) {
      socket.destroy();
      return;
    }
    open.set(source, count);
    socket.once('close', () => {
      const left = (open.get(source) ?? 1) - 1;
      if (left > 0) open.set(source, left);
      else open.delete(source);
    });
  });
}
