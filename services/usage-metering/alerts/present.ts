import type { AlertPreferencesWire, AlertWire } from '#libs/contracts/alerts.ts';
import { eventDataOf } from '#libs/contracts/threshold-event.ts';
import { describeAlert } from '#libs/outbox/alert-text.ts';
import type { AlertSettings } from './domain/preferences.ts';
import type { AlertView } from './store.ts';

export function presentAlert(alert: AlertView, upgrade: AlertWire['upgrade']): AlertWire {
  const { id, kind, type, severity, data, accountId, userId, createdAt, readAt } = alert;
  return {
    id,
    kind,
    type,
    severity,
    ...describeAlert(type, data),
    upgrade,
    data: eventDataOf(type, data),
    account_id: accountId,
    user_id: userId,
    created_at: createdAt.toISOString(),
    read_at: readAt?.toISOString() ?? null,
  };
}

export function presentPreferences({
  channels,
  quietHours,
  slackUrl,
  updatedAt,
}: AlertSettings): AlertPreferencesWire {
  return {
    channels,
    quiet_hours: quietHours,
    // The path of a webhook is its secret.
    slack_url: slackUrl === null ? null : `${new URL(slackUrl).origin}/…`,
    updated_at: updatedAt?.toISOString() ?? null,
  };
}
