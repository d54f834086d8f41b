import t from 'tap';
import { ENCRYPTION_KEY_BYTES } from './authenticated-encryption.ts';
import { createSecretBox } from './secret-box.ts';

const [old, current] = [1, 2].map((byte) => Buffer.alloc(ENCRYPTION_KEY_BYTES, byte)) as [Buffer, Buffer];
const SECRET = 'whsec_geheim';

t.test('a secret is encrypted for one row, differently each time', async (t) => {
  const box = createSecretBox([current]);
  const sealed = box.seal(SECRET, 'row 1');
  t.ok(sealed.startsWith(box.prefix));
  t.notMatch(sealed, SECRET);
  t.not(box.seal(SECRET, 'row 1'), sealed);
  t.equal(box.open(sealed, 'row 1'), SECRET);
  t.throws(() => box.open(sealed, 'row 2'), 'it is not valid in another row');
  const last = sealed.at(-2) === 'A' ? 'B' : 'A';
  t.throws(() => box.open(`${sealed.slice(0, -2)}${last}${sealed.at(-1)}`, 'row 1'), 'changed');
  t.throws(() => box.open(sealed.slice(0, -30), 'row 1'), 'cut off');
});

t.test('the first key encrypts and all decrypt, so that keys can be rotated', async (t) => {
  const before = createSecretBox([old, current]).seal(SECRET, 'x');
  const promoted = createSecretBox([current, old]);
  t.equal(promoted.open(before, 'x'), SECRET);
  t.notOk(before.startsWith(promoted.prefix));
  const after = promoted.seal(SECRET, 'x');
  const removed = createSecretBox([current]);
  t.equal(removed.open(after, 'x'), SECRET);
  t.throws(() => removed.open(before, 'x'), { message: /which is not known/ });
  t.throws(() => createSecretBox([]), TypeError);
});

t.test('a secret from before secrets were encrypted is returned as it is', async (t) => {
  t.equal(createSecretBox([current]).open(SECRET, 'x'), SECRET);
});
