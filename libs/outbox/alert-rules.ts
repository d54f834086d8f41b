/** Which events are alerts. Thresholds are written by SQL (`alert_on_thresholds`), with the same fields. */
import type { AlertKind, AlertSeverity } from '#libs/contracts/alert-kinds.ts';
import type { EventType } from './routes.ts';

type AlertRule = { readonly kind: AlertKind; readonly severity: AlertSeverity };

const ALERT_RULES: Readonly<Partial<Record<EventType, AlertRule>>> = {
  'autopilot.paused': { kind: 'autopilot', severity: 'warning' },
  'dispute.opened': { kind: 'critical_error', severity: 'error' },
  'outcome.milestone_reached': { kind: 'payment', severity: 'info' },
  'outcome.settled': { kind: 'payment', severity: 'info' },
  'payment.action_required': { kind: 'payment', severity: 'warning' },
  'payment.failed': { kind: 'payment', severity: 'error' },
  'payment.reminder': { kind: 'payment', severity: 'warning' },
  'payment.requested': { kind: 'payment', severity: 'info' },
  'provider.failing': { kind: 'provider_failure', severity: 'critical' },
  'subscription.ended': { kind: 'payment', severity: 'warning' },
  'system.error': { kind: 'critical_error', severity: 'critical' },
  'trial.ending': { kind: 'trial', severity: 'info' },
  'usage.anomaly': { kind: 'anomaly', severity: 'warning' },
  'usage.overrun': { kind: 'critical_error', severity: 'error' },
  'webhook.disabled': { kind: 'webhook', severity: 'error' },
};

/** The kind and severity of the alert that an event is; undefined for events that alert no one. */
export function alertRuleOf(type: EventType): AlertRule | undefined {
  return ALERT_RULES[type];
}
