/** Payments as customers and Stripe see them: real processes, a real browser, and a clock that moves. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import t from 'tap';
import { processEnv } from '#libs/config/env.ts';
import { until } from '#libs/jobs/fixtures.ts';
import { click } from '#libs/simulators/stripe/stripe.fixture.ts';
import { signatureOf } from '#libs/simulators/stripe/webhooks.ts';
import { PASSWORD, startWithStripe } from './stripe-processes.fixture.ts';

const { CHROMIUM, SCREENSHOT_FOLDER } = processEnv();
const BROWSERS = [CHROMIUM ?? '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const executablePath = BROWSERS.find((file) => existsSync(file));
const DAY_MS = 86_400_000;

t.test('given an installation with simulated payments', async (t) => {
  const installation = await startWithStripe(t);
  const { url, stripeUrl, pool, call, register, signedIn, advance, webhookSecret } = installation;

  await t.test('then deliveries that Stripe did not sign now are refused at the gateway', async (t) => {
    const body = JSON.stringify({ id: 'evt_1', object: 'event', type: 'invoice.paid', data: { object: {} } });
    const seconds = Math.floor(Date.now() / 1000);
    const deliver = async (sent: string, signature: string | null) => {
      const response = await fetch(`${url}/api/webhooks/stripe`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          ...(signature !== null && { 'stripe-signature': signature }),
        },
        body: sent,
      });
      const { code, received } = (await response.json()) as { code?: string; received?: boolean };
      return [response.status, code ?? received];
    };
    const signed = (at: number, secret = webhookSecret, text = body) => signatureOf(text, [secret], at);
    t.strictSame(await deliver(body, null), [400, 'invalid_request'], 'unsigned');
    t.strictSame(
      await deliver(body.replace('evt_1', 'evt_2'), signed(seconds)),
      [400, 'invalid_request'],
      'forged',
    );
    t.strictSame(await deliver(body, signed(seconds - 301)), [400, 'invalid_request'], 'stale');
    t.strictSame(
      await deliver(body, signed(seconds, 'whsec_of_another')),
      [400, 'invalid_request'],
      'wrong secret',
    );
    const large = JSON.stringify({ ...JSON.parse(body), padding: 'x'.repeat(2_000_000) });
    t.strictSame(
      await deliver(large, signed(seconds, webhookSecret, large)),
      [413, 'body_too_large'],
      'oversized',
    );
    t.equal((await pool.query(`SELECT FROM stripe_inbox WHERE event_id LIKE 'evt\\__'`)).rowCount, 0);
    t.strictSame(await deliver(body, signed(seconds - 290)), [200, true]);
    t.strictSame(await deliver(body, signed(seconds)), [200, true], 'a repetition is taken');
    t.equal((await pool.query(`SELECT FROM stripe_inbox WHERE event_id LIKE 'evt\\__'`)).rowCount, 1);
    t.equal((await call('/api/admin/billing/drift', null)).status, 401);
  });

  await t.test('when the clock advances, then trial, renewal, failure and grace go by', async (t) => {
    const ada = await register('ada@example.com');
    const page = await ada.call('/api/billing/checkout', { plan: 'pro' });
    t.equal(page.status, 200, JSON.stringify(page.body));
    await click(page.body.url, { card: '0341' });
    await until(async () => (await ada.current()).plan === 'pro');
    const bought = await ada.current();
    await advance(32 * DAY_MS);
    await until(async () => (await ada.current()).status === 'past_due');
    t.match(await ada.current(), {
      plan: 'pro',
      current_period: { start: bought.current_period.end },
      access_ends_at: bought.access_ends_at,
    });
    await advance(3 * DAY_MS);
    t.match(await ada.current(), { plan: 'free' }, 'the grace period is over');
    const invoices = await ada.call('/api/billing/invoices');
    const open = invoices.body.data.find(({ status }: { status: string }) => status === 'open');
    await click(open.url, { card: '4242' });
    await until(
      async () => (await ada.current()).status === 'active' && (await ada.current()).plan === 'pro',
    );
    t.ok(new Date((await ada.current()).access_ends_at) > new Date(Date.now() + 60 * DAY_MS));
  });

  await t.test('when the clock jumps over a paid renewal and its grace, then no plan ends', async (t) => {
    const bea = await register('bea@example.com');
    await click((await bea.call('/api/billing/checkout', { plan: 'pro' })).body.url, { card: '4242' });
    await until(async () => (await bea.current()).plan === 'pro');
    const bought = await bea.current();
    await advance(36 * DAY_MS);
    t.match(await bea.current(), {
      plan: 'pro',
      status: 'active',
      current_period: { start: bought.current_period.end },
    });
    const { rows } = await pool.query(
      `SELECT e.kind FROM billing_events e JOIN accounts a ON a.id = e.account_id
        WHERE a.id = $1 AND e.kind IN ('plan_changed', 'renewed', 'subscription_ended') ORDER BY e.kind`,
      [(await bea.call('/api/me')).body.account.id],
    );
    t.strictSame(
      rows.map(({ kind }) => kind),
      ['plan_changed', 'renewed'],
    );
  });

  const skip = executablePath === undefined ? 'no browser is installed' : false;
  await t.test('when a customer pays in a browser', { skip }, async (t) => {
    const browser: Browser = await chromium.launch({
      ...(executablePath !== undefined && { executablePath }),
      args: ['--no-sandbox'],
    });
    t.teardown(() => browser.close());
    const tab: Page = await browser.newPage();
    const show = async (name: string) => {
      if (SCREENSHOT_FOLDER !== undefined)
        await tab.screenshot({ path: path.join(SCREENSHOT_FOLDER, `${name}.png`), fullPage: true });
    };
    await tab.goto(`${stripeUrl}/app`);
    await show('welcome');
    const signUp = async (password: string) => {
      const form = tab.locator('form', { hasText: 'Create account' });
      await form.getByLabel('Name').fill('Grace');
      await form.getByLabel('E-mail address').fill('grace@example.com');
      await form.getByLabel('Password').fill(password);
      await form.getByRole('button').click();
    };
    await signUp('short');
    t.match(await tab.getByRole('alert').textContent(), /password/);
    await signUp(PASSWORD);
    await tab.getByRole('heading', { name: 'Your account' }).waitFor();
    t.equal(await tab.locator('#plan').textContent(), 'Free');
    await show('account-free');
    const session = (await tab.context().cookies()).find(({ name }) => name === 'inkmeter_application');
    const grace = signedIn('grace@example.com', session?.value ?? '');
    const payWith = (last4: string) => tab.getByRole('button', { name: `•••• ${last4}` }).click();

    await t.test('then a declined card has its message, and the account stays free', async (t) => {
      await tab.getByRole('button', { name: 'Upgrade to Pro' }).click();
      await tab.waitForURL('**/checkout/**');
      await show('checkout');
      t.match(
        await tab.locator('main').textContent(),
        /Pro[\s\S]*1 × 79\.00 USD a month[\s\S]*Due today79\.00 USD/,
      );
      await payWith('0002');
      t.equal(await tab.getByRole('alert').textContent(), 'Your card was declined.');
      await show('declined');
      t.match(await grace.current(), { plan: 'free' });
    });

    await t.test('then 3-D Secure can fail and succeed, and the plan is in force on return', async (t) => {
      await payWith('3155');
      t.equal(await tab.title(), '3-D Secure');
      await show('challenge');
      await tab.getByRole('button', { name: 'Fail authentication' }).click();
      t.equal(await tab.getByRole('alert').textContent(), 'The authentication failed.');
      await payWith('3155');
      await tab.getByRole('button', { name: 'Complete authentication' }).click();
      await tab.waitForURL('**/billing/success');
      await show('success');
      await until(async () => (await grace.current()).plan === 'pro');
      t.match(await grace.current(), { status: 'active', cancel_at_period_end: false });
      await tab.waitForURL('**/app');
      t.equal(await tab.locator('#plan').textContent(), 'Pro');
      await show('account-pro');
    });

    await t.test('then the portal changes the card, cancels and keeps the plan', async (t) => {
      await tab.getByRole('button', { name: 'Cards, invoices, cancellation' }).click();
      await tab.waitForURL('**/portal/**');
      await show('portal');
      await payWith('0002');
      t.equal(await tab.getByRole('alert').textContent(), 'Your card was declined.');
      await payWith('4242');
      const cards = await grace.call('/api/billing/payment-methods');
      t.match(
        cards.body.data.filter(({ is_default }: { is_default: boolean }) => is_default),
        [{ last4: '4242' }],
      );
      await tab.getByRole('button', { name: 'Cancel at the end of the period' }).click();
      t.match(await tab.locator('main').textContent(), /Ends on \d{4}-\d\d-\d\d/);
      await show('cancelled');
      await until(async () => (await grace.current()).cancel_at_period_end === true);
      t.match(await grace.current(), { plan: 'pro', status: 'active' });
      await tab.getByRole('button', { name: 'Keep the plan' }).click();
      await until(async () => (await grace.current()).cancel_at_period_end === false);
      await tab.locator('#return').click();
      t.equal(await tab.title(), 'Your account');
    });

    await t.test('then another plan is charged at once, and a session can end', async (t) => {
      await tab.getByRole('button', { name: 'Upgrade to Enterprise' }).click();
      await tab.locator('#plan', { hasText: 'Enterprise' }).waitFor();
      await tab.getByRole('button', { name: 'Change to Basic' }).click();
      await tab.getByText(/basic begins on/).waitFor();
      await tab.getByRole('button', { name: 'Sign out' }).click();
      await tab.getByRole('heading', { name: 'Welcome' }).waitFor();
      const form = tab.locator('form', { hasText: 'Sign in' });
      await form.getByLabel('E-mail address').fill('grace@example.com');
      await form.getByLabel('Password').fill(PASSWORD);
      await form.getByRole('button').click();
      await tab.getByRole('heading', { name: 'Your account' }).waitFor();
      t.equal(await tab.locator('#plan').textContent(), 'Enterprise');
    });
  });
});
