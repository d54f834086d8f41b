/** The vocabulary of alerts, for contracts and the database. */

/** What an alert of an account is about. */
export const ACCOUNT_ALERT_KINDS = [
  'threshold',
  'anomaly',
  'payment',
  'trial',
  'webhook',
  'autopilot',
] as const;
export type AccountAlertKind = (typeof ACCOUNT_ALERT_KINDS)[number];

/** With those that only operators see. */
export const ALERT_KINDS = [...ACCOUNT_ALERT_KINDS, 'provider_failure', 'critical_error'] as const;
export type AlertKind = (typeof ALERT_KINDS)[number];

export const ALERT_SEVERITIES = ['info', 'warning', 'error', 'critical'] as const;
export type AlertSeverity = (typeof ALERT_SEVERITIES)[number];

/** Where alerts go, in addition to the list of alerts. */
export const ALERT_CHANNELS = ['email', 'slack'] as const;
export type AlertChannel = (typeof ALERT_CHANNELS)[number];

/** Whether alerts of a kind go to a channel. */
export type ChannelPreferences = Readonly<Record<AlertChannel, Readonly<Record<AccountAlertKind, boolean>>>>;

/** Local times of day as `HH:MM`; `from` may be later than `until`. */
export type QuietHours = { readonly from: string; readonly until: string; readonly time_zone: string };
