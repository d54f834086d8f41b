import t from 'tap';
import { createStreamEnd } from './stream-end.ts';

function createFixture() {
  const sent: string[] = [];
  const end = createStreamEnd<string>((piece) => void sent.push(piece));
  const push = (piece: string, isContent: boolean, isEnd = false) => {
    void end.push(piece, { isContent, isEnd });
  };
  return { sent, push, release: () => void end.release() };
}

t.test('the last content and the end wait, everything else is sent', async (t) => {
  const { sent, push, release } = createFixture();
  push('role', false);
  push('one', true);
  t.strictSame(sent, ['role'], 'the first content may be all');
  push('two', true);
  t.strictSame(sent, ['role', 'one']);
  push('three', true);
  t.strictSame(sent, ['role', 'one', 'two']);
  push('comment', false);
  push('stop', false, true);
  t.strictSame(sent, ['role', 'one', 'two'], 'in order');
  release();
  t.strictSame(sent, ['role', 'one', 'two', 'three', 'comment', 'stop']);
  release();
  t.equal(sent.length, 6);
});

t.test('an answer of one piece waits, whenever it ends', async (t) => {
  for (const pieces of [
    [['all', true, true]],
    [
      ['all', true],
      ['stop', false, true],
    ],
  ] as const) {
    const { sent, push, release } = createFixture();
    for (const [piece, isContent, isEnd] of pieces) push(piece, isContent, isEnd);
    t.strictSame(sent, []);
    release();
    t.strictSame(
      sent,
      pieces.map(([piece]) => piece),
    );
  }
});

t.test('a choice that ends before the others does not delay them', async (t) => {
  const { sent, push } = createFixture();
  push('a1', true);
  push('a stops', false, true);
  push('b1', true);
  push('b2', true);
  t.strictSame(sent, ['a1', 'a stops', 'b1'], 'the next content ends the wait');
});

t.test('a client that reads slowly is waited for', async (t) => {
  const slow = Promise.resolve();
  const end = createStreamEnd<string>(() => slow);
  t.equal(end.push('one', { isContent: true, isEnd: false }), undefined, 'nothing was sent');
  t.equal(end.push('two', { isContent: true, isEnd: false }), slow);
  t.equal(end.release(), slow);
});
