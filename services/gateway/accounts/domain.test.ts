import t from 'tap';
import { isSharedMailDomain, mailDomainOf, normaliseEmail } from './domain.ts';

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

t.test('subdomains of one registered domain become one domain', async (t) => {
  const cases: [string, string][] = [
    ['ada@Example.com', 'example.com'],
    ['ada@a.b.example.com', 'example.com'],
    ['ada@mail.example.co.uk', 'example.co.uk'],
    ['ada@bücher.example', 'xn--bcher-kva.example'],
    ['ada@googlemail.com', 'gmail.com'],
  ];
  for (const [email, expected] of cases) t.equal(mailDomainOf(email), expected, email);
  t.equal(isSharedMailDomain('gmail.com'), true);
  t.equal(isSharedMailDomain('example.com'), false);
});
