/** The mail of an alert. */
import type { AlertSeverity } from '#libs/contracts/alert-kinds.ts';
import type { Brand } from '#libs/contracts/branding.ts';
import type { SuggestedPlan } from '#libs/contracts/requirements.ts';
import { formatDecimal } from '#libs/money/money.ts';
import {
  advice,
  badge,
  bar,
  brandText,
  button,
  escapeHtml,
  heading,
  link,
  listOf,
  mailPage,
  note,
  paragraph,
} from './layout.ts';
import type { MailContent } from './templates.ts';

export type AlertMail = {
  severity: AlertSeverity;
  title: string;
  message: string;
  recommendation: string | null;
  /** Of the limit that the alert is about; null if it is about none. */
  usedPercentage: number | null;
  /** Plans that lift the limit. */
  plans: readonly SuggestedPlan[];
  /** Where the open invoice is paid, if the alert is about one. */
  paymentUrl: string | null;
  /** The frontend, where plans and preferences are changed. */
  appUrl: string;
  /** Null for the product's own. */
  brand: Brand | null;
};

/** With enough contrast to white text. */
const COLOURS: Readonly<Record<AlertSeverity, string>> = {
  info: '#1d5fa8',
  warning: '#8a5a00',
  error: '#b3261e',
  critical: '#b3261e',
};

const LABELS: Readonly<Record<AlertSeverity, string>> = {
  info: 'Notice',
  warning: 'Warning',
  error: 'Important',
  critical: 'Critical',
};

const WHY = 'You receive this mail because of your alert preferences. Change them at';

export function renderAlertMail({
  severity,
  title,
  message,
  recommendation,
  usedPercentage,
  plans,
  paymentUrl,
  appUrl,
  brand,
}: AlertMail): MailContent {
  const offers = plans.map(({ name, price: { monthly_minor: price } }) =>
    price === null ? `${name}: contact sales` : `${name}: ${formatDecimal(BigInt(price), 2)} USD a month`,
  );
  const sentence = /[.!?]$/.test(message) ? message : `${message}.`;
  const text = [
    sentence,
    ...(recommendation === null ? [] : [recommendation]),
    ...(paymentUrl === null ? [] : [paymentUrl]),
    ...(offers.length === 0 ? [] : ['Plans with more room:', offers.map((offer) => `- ${offer}`).join('\n')]),
    `${WHY} ${appUrl}`,
    ...brandText(brand),
  ].join('\n\n');
  const colour = brand?.primaryColour ?? COLOURS[severity];
  const content = [
    badge(LABELS[severity], COLOURS[severity]),
    heading(escapeHtml(title)),
    paragraph(escapeHtml(sentence)),
    ...(usedPercentage === null ? [] : [bar(usedPercentage, COLOURS[severity])]),
    ...(recommendation === null ? [] : [advice(escapeHtml(recommendation))]),
    ...(offers.length === 0 ? [] : [listOf('Plans with more room', offers)]),
    paymentUrl === null
      ? button('Open your account', appUrl, colour)
      : button('Pay the invoice', paymentUrl, colour),
  ];
  const footer = note(`${escapeHtml(WHY)} ${link(appUrl)}`);
  const html = mailPage(content.join('\n'), { colour, footer, brand });
  return { subject: title, text: `${text}\n`, html, brand };
}
