/** The mail of an alert. */
import type { AlertSeverity } from '#libs/contracts/alert-kinds.ts';
import type { SuggestedPlan } from '#libs/contracts/requirements.ts';
import { formatDecimal } from '#libs/money/money.ts';
import { escapeHtml, type MailContent } from './templates.ts';

export type AlertMail = {
  severity: AlertSeverity;
  title: string;
  message: string;
  recommendation: string | null;
  /** Plans that lift the limit. */
  plans: readonly SuggestedPlan[];
  /** The frontend, where plans and preferences are changed. */
  appUrl: string;
};

const COLOURS: Readonly<Record<AlertSeverity, string>> = {
  info: '#1d5fa8',
  warning: '#8a5a00',
  error: '#b3261e',
  critical: '#b3261e',
};

/** Plain styles in place, a width that fits telephones, and colours with enough contrast on white. */
export function renderAlertMail({
  severity,
  title,
  message,
  recommendation,
  plans,
  appUrl,
}: AlertMail): MailContent {
  const offers = plans.map(({ name, price: { monthly_minor: price } }) =>
    price === null ? `${name}: contact sales` : `${name}: ${formatDecimal(BigInt(price), 2)} USD a month`,
  );
  const why = `You receive this mail because of your alert preferences. Change them at ${appUrl}`;
  const text = [
    `${message}.`,
    ...(recommendation === null ? [] : [recommendation]),
    ...(offers.length === 0 ? [] : ['Plans with more room:', ...offers.map((offer) => `- ${offer}`)]),
    why,
  ].join('\n\n');
  const html = `<!doctype html><html lang="en"><body style="margin:0;background:#f4f4f2;font:16px/1.5 -apple-system,'Segoe UI',Roboto,Arial,sans-serif;color:#1b1b1b">
<div style="max-width:560px;margin:0 auto;padding:24px">
<div style="background:#ffffff;border-top:4px solid ${COLOURS[severity]};border-radius:6px;padding:24px">
<p style="margin:0 0 4px;color:${COLOURS[severity]};font-size:13px;font-weight:600;text-transform:uppercase">${severity}</p>
<h1 style="margin:0 0 12px;font-size:20px;line-height:1.3">${escapeHtml(title)}</h1>
<p style="margin:0 0 12px">${escapeHtml(message)}.</p>
${recommendation === null ? '' : `<p style="margin:0 0 12px;color:#4a4a4a">${escapeHtml(recommendation)}</p>`}
${offers.length === 0 ? '' : `<p style="margin:16px 0 4px;font-weight:600">Plans with more room</p><ul style="margin:0;padding-left:20px">${offers.map((offer) => `<li>${escapeHtml(offer)}</li>`).join('')}</ul>`}
</div>
<p style="color:#6b6b6b;font-size:13px">${escapeHtml(why)}</p>
</div></body></html>`;
  return { subject: title, text: `${text}\n`, html };
}
