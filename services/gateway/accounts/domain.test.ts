import t from 'tap';
import { normaliseEmail } from './domain.ts';

t.test('spellings of one mailbox become one address', async (t) => {
  const cases: [string, string][] = [
    ['Ada@Example.com', 'ada@example.com'],
    ['ada+trial2@example.com', 'ada@example.com'],
    ['a.d.a@example.com', 'a.d.a@example.com'],
    ['A.d.a+x+y@GoogleMail.com', 'ada@gmail.com'],
    ['ada@gmail.com', 'ada@gmail.com'],
  ];
  for (const [email, expected] of cases) t.equal(normaliseEmail(email), expected, email);
});
