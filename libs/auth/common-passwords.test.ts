import t from 'tap';
import { isCommonPassword } from './common-passwords.ts';

t.test('given a common password, then it is recognised in its usual variations', async (t) => {
  for (const password of [
    'password',
    'PassWord',
    'password1',
    'Football2024',
    'trustno1',
    '1qaz2wsx',
    'sunshine!',
  ]) {
    t.equal(isCommonPassword(password), true, password);
  }
  for (const password of [
    'correct horse battery',
    'a password of tests',
    '# Common passwords',
    '',
    'kX9-veranda',
  ]) {
    t.equal(isCommonPassword(password), false, password);
  }
});
