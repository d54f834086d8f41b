import { APPLICATION_PATH } from '#libs/simulators/stripe/application.ts';
import type { CatalogueStatus } from './bootstrap.ts';
import type { Demo } from './demo.ts';
import type { PaymentChoice } from './payments.ts';
import type { LocalProgram } from './programs.ts';
import type { ProviderChoice } from './providers.ts';

export type ScreenFacts = {
  programs: LocalProgram[];
  providers: ProviderChoice;
  /** Manual payments unless given. */
  payments?: PaymentChoice;
  database: string;
  logFolder: string;
  demoApiKey: string;
  demo: Demo | undefined;
  catalogue: CatalogueStatus;
  /** As given in INKMETER_CATALOGUE. */
  catalogueName: string;
  seconds: number;
};

/** For a custom catalogue without text models; every preset has one. */
const ANY_MODEL = 'gpt-4o-mini';
const LABEL_WIDTH = 20;
const LOGIN_WIDTH = 26;

function row(label: string, value: string): string {
  return `  ${label.padEnd(LABEL_WIDTH)}${value}`;
}

/** The active catalogue, and how to publish the file of this start where it is another version. */
function catalogueRows({ catalogue: { active, file }, catalogueName }: ScreenFacts): string[] {
  const rows = [row('active catalogue', `${active.catalogueId}, version ${active.version}`)];
  if (active.id === file.id) return rows;
  return [
    ...rows,
    row(
      'not published',
      `${file.catalogueId}, version ${file.version}, from INKMETER_CATALOGUE=${catalogueName}`,
    ),
    row('publish it with', `npm run catalogue -- publish ${catalogueName} now`),
  ];
}

const PAYMENTS: Readonly<Record<PaymentChoice['kind'], string>> = {
  stripe: 'Stripe; publish the catalogue with npm run stripe -- sync',
  simulated: 'simulated Stripe, made real by STRIPE_SECRET_KEY',
  manual: 'manual, recorded by staff',
};

function paymentRows(payments: PaymentChoice | undefined): string[] {
  return [row('payments', PAYMENTS[payments?.kind ?? 'manual']), ''];
}

/** How a customer upgrades in a browser, and how time goes by afterwards. */
function checkoutRows(demo: Demo, url: string | undefined, payments: PaymentChoice | undefined): string[] {
  const owner = demo.logins.find(({ role }) => role === 'owner');
  if (owner === undefined || payments === undefined || payments.kind === 'manual') return [];
  if (payments.kind === 'simulated') {
    return [
      '',
      '  Upgrade in a browser: sign up or sign in, choose a plan, and pay with a test card:',
      '',
      row('application', `${payments.url}${APPLICATION_PATH}`),
      row('then a month later', 'npm run clock -- advance 32d'),
      row('', 'the plan renews, or its card fails and the grace period begins'),
    ];
  }
  const json = `-H 'content-type: application/json'`;
  return [
    '',
    '  Upgrade in a browser: open the page that the second command prints:',
    '',
    `OWNER=$(curl -s ${url}/api/auth/login ${json} -d '{"email":"${owner.email}","password":"${owner.password}"}' | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')`,
    `curl -s ${url}/api/billing/checkout -H "authorization: Bearer $OWNER" ${json} -d '{"plan":"pro"}'`,
  ];
}

/** Users of the demo account and its staff, with the commands that staff run most. */
function demoRows(demo: Demo, url: string | undefined): string[] {
  const staff = demo.logins.find(({ role }) => role === 'staff');
  const json = `-H 'content-type: application/json'`;
  const asStaff = `-H "authorization: Bearer $STAFF" ${json}`;
  return [
    '',
    '  Users, with their first passwords:',
    '',
    ...demo.logins.map(({ role, email, password }) => row(role, `${email.padEnd(LOGIN_WIDTH)}${password}`)),
    '',
    '  As staff (another user: npm run staff -- grant someone@example.com admin):',
    '',
    `STAFF=$(curl -s ${url}/api/auth/login ${json} -d '{"email":"${staff?.email}","password":"${staff?.password}"}' | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')`,
    '# list open payment requests, then mark one paid',
    `curl -s "${url}/api/admin/payment-requests?status=open" ${asStaff}`,
    `curl -s -X POST ${url}/api/admin/payment-requests/<id>/mark-paid ${asStaff} -d '{"note":"paid by transfer"}'`,
    "# lift the demo account's cost limits",
    `curl -s -X POST ${url}/api/admin/accounts/${demo.accountId}/overrides ${asStaff} -d '{"kind":"limit_replacement","meter":"cost","amount":{"kind":"unlimited"},"reason":"demo"}'`,
    '',
    row('API reference', `${url}/docs`),
  ];
}

/** The screen at the end of `npm start`: addresses, real providers, credentials, and a first request to paste. */
export function renderScreen(facts: ScreenFacts): string {
  const { programs, providers } = facts;
  const gateway = programs.find(({ name }) => name === 'gateway');
  const mailbox = gateway?.env.SMTP_URL;
  const keyVariables = providers.simulated.map(({ keyVariable }) => keyVariable);
  return [
    '',
    `Inkmeter is ready (${facts.seconds.toFixed(1)} s)`,
    '',
    ...programs.toReversed().map(({ name, url, ports }) => {
      const [, operations] = ports;
      const suffix = operations === undefined ? '' : `health, readiness and metrics on :${operations.port}`;
      return row(name, `${url.padEnd(24)}${suffix}`.trimEnd());
    }),
    row('PostgreSQL', facts.database),
    row('logs', facts.logFolder),
    ...(mailbox?.startsWith('http') ? [row('mailbox', mailbox)] : []),
    '',
    ...catalogueRows(facts),
    '',
    row('real providers', providers.real.join(', ') || 'none'),
    row('simulated', providers.simulated.map(({ name }) => name).join(', ') || 'none'),
    ...(keyVariables.length > 0 ? [row('', `made real by ${keyVariables.join(', ')}`)] : []),
    '',
    ...paymentRows(facts.payments),
    row("demo account's key", facts.demoApiKey),
    row('on the plan', facts.demo?.plan ?? ''),
    '',
    '  Paste this:',
    '',
    `curl -i ${gateway?.url}/v1/chat/completions \\`,
    `  -H 'authorization: Bearer ${facts.demoApiKey}' \\`,
    `  -H 'content-type: application/json' \\`,
    `  -d '{"model":"${facts.demo?.model ?? ANY_MODEL}","messages":[{"role":"user","content":"Three headlines about sourdough bread"}]}'`,
    ...(facts.demo ? demoRows(facts.demo, gateway?.url) : []),
    ...(facts.demo ? checkoutRows(facts.demo, gateway?.url, facts.payments) : []),
    '',
    '  Ctrl-C stops everything.',
    '',
  ].join('\n');
}
