import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import t from 'tap';
import { createOutbox } from './outbox.ts';

/** A socket that notes what each write to the system would carry. */
function given() {
  const writes: Buffer[][] = [];
  const socket = new Duplex({
    read: () => undefined,
    write(chunk: Buffer, _encoding, done) {
      writes.push([chunk]);
      done();
    },
    writev(chunks, done) {
      writes.push(chunks.map(({ chunk }) => chunk as Buffer));
      done();
    },
  });
  return { socket, writes, outbox: createOutbox(socket as Socket) };
}

const texts = (writes: Buffer[][]) => writes.map((parts) => Buffer.concat(parts).toString());

t.test('what one callback hands in leaves in one write', async (t) => {
  const { outbox, writes } = given();
  outbox(Buffer.from('a'), Buffer.from('b'));
  outbox(Buffer.from('c'));
  t.strictSame(writes, [], 'not before');
  await turn();
  outbox(Buffer.from('d'));
  await turn();
  t.strictSame(texts(writes), ['abc', 'd']);
});

t.test('what is large leaves as it is, in its place', async (t) => {
  const { outbox, writes } = given();
  const before = Buffer.from('before');
  const large = Buffer.alloc(65_536, 1);
  const after = Buffer.from('after');
  outbox(before, large);
  outbox(after);
  await turn();
  t.equal(writes.length, 1, 'still in one write');
  t.strictSame(
    writes[0]?.map((part, index) => part === [before, large, after][index]),
    [true, true, true],
    'none was copied',
  );

  // a part alone is never copied
  outbox(large);
  await turn();
  t.equal(writes[1]?.[0], large);
});

t.test('a socket that has been ended or cut takes nothing, and nothing breaks', async (t) => {
  for (const stop of [(socket: Duplex) => socket.end(), (socket: Duplex) => socket.destroy()]) {
    const { outbox, socket, writes } = given();
    outbox(Buffer.from('late'));
    stop(socket);
    await turn();
    outbox(Buffer.from('later'));
    await turn();
    t.strictSame(writes, []);
  }
});
