/** The brand of an account: who may set it, what it may be, and the mails that show it. */
import t from 'tap';
import type { SendMail } from '#libs/mail/transport.ts';
import { addMember, createTestGateway, signUp } from '../fixtures.ts';
import { contrastToWhite } from './domain.ts';

const PIXEL =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const LOGO = `data:image/png;base64,${PIXEL}`;

const sent: Parameters<SendMail>[0][] = [];
let includesWhiteLabel = true;
const gateway = await createTestGateway(t, {
  variables: { APP_URL: 'https://app.example' },
  sendMail: async (mail) => {
    sent.push(mail);
  },
  missingFeatures: () => (includesWhiteLabel ? [] : ['white_label']),
});
const { call } = gateway;
const owner = await signUp(gateway, 'owner');
const member = await addMember(gateway, owner, 'member', 'member');
const other = await signUp(gateway, 'other');
const as = owner.access_token;

const brand = {
  product_name: 'Acme Writer',
  logo_url: LOGO,
  primary_colour: '#0B6B4F',
  support_email: 'help@acme.example',
  website_url: 'https://acme.example',
};

/** Delivers the mails that wait. @returns the last one. */
async function deliver() {
  const { rows } = await gateway.database.pool.query(
    `SELECT id FROM outbox_deliveries WHERE channel = 'email' AND status <> 'delivered' ORDER BY id`,
  );
  for (const { id } of rows) await gateway.runTask('deliver-mail', { deliveryId: id, accountId: null });
  return sent.at(-1);
}

async function invite(email: string) {
  t.match(await call('POST', '/api/invitations', { as, body: { email } }), { status: 201 });
  return deliver();
}

t.test('given a brand, then it is stored, audited and shown in mails', async (t) => {
  t.match(await call('GET', '/api/branding', { as }), { status: 404 });
  t.match(await invite('before@example.com'), { brand: null });
  t.match(await call('PUT', '/api/branding', { as, body: brand }), {
    status: 200,
    body: { ...brand, primary_colour: '#0b6b4f', updated_at: String },
  });
  t.match(await call('GET', '/api/branding', { as: member.access_token }), {
    body: { product_name: 'Acme Writer' },
  });
  t.match(await invite('after@example.com'), {
    to: 'after@example.com',
    brand: { productName: 'Acme Writer', supportEmail: 'help@acme.example' },
    html: /cid:brand-logo/,
    text: /Acme Writer\nhttps:\/\/acme\.example\nhelp@acme\.example/,
  });
  t.match(await call('POST', '/api/auth/password-reset', { body: { email: member.email } }), { status: 202 });
  t.match(await deliver(), { to: member.email, brand: { productName: 'Acme Writer' } });
  const { rows } = await gateway.database.pool.query(
    `SELECT action, before, after FROM audit_log WHERE action LIKE 'branding%'`,
  );
  t.match(rows, [{ action: 'branding.set', before: null, after: { product_name: 'Acme Writer' } }]);
  t.ok(JSON.stringify(rows).length < 1_000, 'without the image');

  includesWhiteLabel = false;
  t.match(await invite('lost@example.com'), { brand: null }, 'a plan without the feature shows the default');
  t.match(await call('GET', '/api/branding', { as }), {
    status: 403,
    body: { code: 'feature_not_in_plan', feature: 'white_label' },
  });
  t.match(await call('PUT', '/api/branding', { as, body: brand }), { status: 403 });
  includesWhiteLabel = true;
  t.match(await invite('again@example.com'), { brand: { productName: 'Acme Writer' } }, 'it was kept');
});

t.test('given callers without the right, then they are refused', async (t) => {
  for (const method of ['GET', 'PUT', 'DELETE'] as const) {
    const body = method === 'PUT' ? brand : undefined;
    t.match(await call(method, '/api/branding', { body }), { status: 401 });
    if (method !== 'GET')
      t.match(await call(method, '/api/branding', { as: member.access_token, body }), {
        status: 403,
        body: { code: 'role_required' },
      });
  }
  t.match(await call('GET', '/api/branding', { as: other.access_token }), { status: 404 });
  t.match(await call('DELETE', '/api/branding', { as: other.access_token }), { status: 404 });
});

t.test('given what no brand may be, then it is refused', async (t) => {
  const image = (type: string, bytes: Buffer) => `data:${type};base64,${bytes.toString('base64')}`;
  const large = Buffer.concat([Buffer.from(PIXEL, 'base64'), Buffer.alloc(256 * 1024)]);
  const cases: [field: string, value: unknown][] = [
    ['product_name', ''],
    ['product_name', 'x'.repeat(61)],
    ['product_name', '<script>alert(1)</script>'],
    ['product_name', 'Win at http://evil.example'],
    ['product_name', 'bank@example.com'],
    ['product_name', 'Acme\r\nBcc: all@example.com'],
    ['product_name', 'Acme \u202egnp'],
    ['logo_url', 'http://acme.example/logo.png'],
    ['logo_url', 'javascript:alert(1)'],
    ['logo_url', 'https://user:pw@acme.example/logo.png'],
    ['logo_url', 'https://acme.example/"onerror="alert(1)'],
    ['logo_url', image('image/svg+xml', Buffer.from('<svg onload="alert(1)"/>'))],
    ['logo_url', image('image/png', Buffer.from('<svg onload="alert(1)"/>'))],
    ['logo_url', image('image/png', large)],
    ['primary_colour', 'red'],
    ['primary_colour', '#fff;background:url(x)'],
    ['support_email', 'x'],
    ['support_email', 'a@example.com\r\nBcc: b@example.com'],
    ['website_url', 'javascript:alert(1)'],
    ['more', true],
  ];
  for (const [field, value] of cases)
    t.match(
      await call('PUT', '/api/branding', { as, body: { ...brand, [field]: value } }),
      { status: 400, body: { code: 'invalid_request' } },
      `${field}: ${String(value).slice(0, 40)}`,
    );
  t.match(await call('PUT', '/api/branding', { as, body: { ...brand, primary_colour: '#ffcc00' } }), {
    status: 422,
    body: { code: 'semantic_error', param: 'primary_colour', detail: /contrast of 1\.5; it needs 4\.5/ },
  });
  t.match(
    await call('PUT', '/api/branding', { as, body: { ...brand, website_url: 'x'.repeat(3_000_000) } }),
    {
      status: 413,
    },
  );
});

t.test('the contrast to white', async (t) => {
  t.equal(contrastToWhite('#ffffff'), 1);
  t.equal(Math.round(contrastToWhite('#000000')), 21);
  t.equal(contrastToWhite('#767676').toFixed(2), '4.54', 'the lightest grey that is enough');
});

t.test('given a brand that is deleted, then mails show the default', async (t) => {
  t.match(await call('DELETE', '/api/branding', { as }), { status: 204 });
  t.match(await call('DELETE', '/api/branding', { as }), { status: 404 });
  t.match(await invite('last@example.com'), { brand: null });
});
