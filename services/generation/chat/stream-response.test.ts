import { mock } from 'node:test';
import t, { type Test } from 'tap';
import { SSE_HEADERS } from '#libs/http/sse-writer.ts';
import type { ResponseSender } from '../requests/domain/handler.ts';
import { createStreamResponse } from './stream-response.ts';

/** A response that remembers what was sent. */
function createSender() {
  let head: ReturnType<ResponseSender['head']>;
  let hasEnded = false;
  const sent: string[] = [];
  const sender: ResponseSender = {
    whole: () => undefined,
    begin: (given) => {
      head = given;
    },
    write: (bytes) => {
      sent.push(bytes.toString());
      return undefined;
    },
    end: () => {
      hasEnded = true;
    },
    cancel: () => undefined,
    head: () => head,
    hasEnded: () => hasEnded,
    isGone: () => false,
    onGone: () => undefined,
  };
  return { sender, sent };
}

function useFakeTimers(t: Test): void {
  mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'setImmediate'] });
  t.teardown(() => mock.timers.reset());
}

const piece = { bytes: 'data: {}\n\n', text: 'x', reasoning: '' };

t.test('given a silent provider, then the stream begins with a comment, and comments follow', async (t) => {
  useFakeTimers(t);
  const { sender, sent } = createSender();
  const stream = createStreamResponse(sender, 0);
  mock.timers.tick(2_999);
  t.equal(stream.hasBegun(), false, 'a failure still gets a status of its own');
  mock.timers.tick(1);
  t.strictSame(sender.head(), { status: 200, headers: SSE_HEADERS });
  t.strictSame(sent, [': waiting\n\n']);
  mock.timers.tick(15_000);
  t.strictSame(sent, [': waiting\n\n', ':\n\n']);
  void stream.writePiece(piece);
  stream.release();
  stream.end();
  mock.timers.tick(60_000);
  t.strictSame(sent, [': waiting\n\n', ':\n\n', piece.bytes], 'nothing follows the end');
});

t.test('given a provider that accepts and then thinks, then the stream begins at once', async (t) => {
  useFakeTimers(t);
  const { sender, sent } = createSender();
  const stream = createStreamResponse(sender, 0);
  mock.timers.tick(500);
  stream.beginSoon();
  mock.timers.tick(249);
  t.equal(stream.hasBegun(), false, 'an error inside the answer still gets a status of its own');
  mock.timers.tick(1);
  t.strictSame(sent, [': waiting\n\n']);
  stream.beginSoon();
  mock.timers.tick(5_000);
  t.strictSame(sent, [': waiting\n\n'], 'a second attempt changes nothing');
  stream.end();
});

t.test('given a provider that answers at once, then there is no comment', async (t) => {
  useFakeTimers(t);
  const { sender, sent } = createSender();
  const stream = createStreamResponse(sender, 1_000);
  void stream.writePiece(piece);
  stream.release();
  mock.timers.tick(5_000);
  t.strictSame(sent, [piece.bytes]);
  t.equal(stream.transcript().toString(), piece.bytes);
});

t.test('given a stream that ends before it began, then no comment follows', async (t) => {
  useFakeTimers(t);
  const { sender, sent } = createSender();
  createStreamResponse(sender, 0).end();
  mock.timers.tick(5_000);
  t.strictSame(sent, []);
});
