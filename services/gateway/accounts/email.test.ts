import t from 'tap';
import { normaliseEmail } from './email.ts';

t.test('addresses of one person become one', async (t) => {
  const cases: [string, string][] = [
    ['Ada@Example.com', 'ada@example.com'],
    ['ada+trial2@example.com', 'ada@example.com'],
    ['a.d.a@example.com', 'a.d.a@example.com'],
    ['A.d.a+x+y@GoogleMail.com', 'ada@gmail.com'],
    ['ada@gmail.com', 'ada@gmail.com'],
  ];
  for (const [email, expected] of cases) t.equal(normaliseEmail(email), expected, email);
});
