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
  t.strictSame(sent, ['role', 'one'], 'the first content does not wait');
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

t.test('an answer that ends with its first content waits', async (t) => {
  const { sent, push, release } = createFixture();
  push('all', true, true);
  t.strictSame(sent, []);
  release();
  t.strictSame(sent, ['all']);
});

t.test('a choice that ends before the others does not delay them', async (t) => {
  const { sent, push } = createFixture();
  push('a1', true);
  push('a stops', false, true);
  push('b1', true);
  push('b2', true);
  t.strictSame(sent, ['a1', 'a stops', 'b1']);
});

t.test('a client that reads slowly is waited for', async (t) => {
  const slow = Promise.resolve();
  const end = createStreamEnd<string>(() => slow);
  t.equal(end.push('one', { isContent: true, isEnd: false }), slow);
  t.equal(end.push('two', { isContent: true, isEnd: false }), undefined, 'nothing was sent');
  t.equal(end.push('three', { isContent: true, isEnd: false }), slow);
  t.equal(end.release(), slow);
});
