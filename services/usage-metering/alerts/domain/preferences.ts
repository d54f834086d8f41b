/** How a user is notified of alerts. */
import {
  ACCOUNT_ALERT_KINDS,
  type AccountAlertKind,
  ALERT_CHANNELS,
  type AlertChannel,
  type AlertKind,
  type AlertSeverity,
  type ChannelPreferences,
  type QuietHours,
} from '#libs/contracts/alert-kinds.ts';

export type AlertSettings = {
  channels: ChannelPreferences;
  quietHours: QuietHours | null;
  slackUrl: string | null;
  /** Null for the defaults. */
  updatedAt: Date | null;
};

const ALL_KINDS = Object.fromEntries(ACCOUNT_ALERT_KINDS.map((kind) => [kind, true])) as Record<
  AccountAlertKind,
  boolean
>;

/** Everything by email. Slack receives as much once the user gives an address. */
export const DEFAULT_SETTINGS: AlertSettings = {
  channels: { email: ALL_KINDS, slack: ALL_KINDS },
  quietHours: null,
  slackUrl: null,
  updatedAt: null,
};

/** What the Slack address of a user is encrypted for. */
export const slackContext = ({ accountId, userId }: { accountId: string; userId: string }) =>
  `alert_settings ${accountId} ${userId}`;

/** Settings that were stored before a kind existed: it is on. */
export function withEveryKind({ email, slack }: ChannelPreferences): ChannelPreferences {
  return { email: { ...ALL_KINDS, ...email }, slack: { ...ALL_KINDS, ...slack } };
}

/** Where an alert of this kind goes. Operators' kinds go nowhere: they are no matter of the account. */
export function channelsFor(kind: AlertKind, { channels, slackUrl }: AlertSettings): AlertChannel[] {
  if (!isAccountKind(kind)) return [];
  return ALERT_CHANNELS.filter(
    (channel) => channels[channel][kind] && (channel !== 'slack' || slackUrl !== null),
  );
}

export function isAccountKind(kind: AlertKind): kind is AccountAlertKind {
  return (ACCOUNT_ALERT_KINDS as readonly string[]).includes(kind);
}

/** When an alert may be delivered: now, or at the end of the quiet hours if it can wait. */
export function deliverAt(now: Date, severity: AlertSeverity, quietHours: QuietHours | null): Date {
  if (quietHours === null || severity === 'error' || severity === 'critical') return now;
  if (!isQuiet(now, quietHours)) return now;
  const { until, time_zone: timeZone } = quietHours;
  const minute = new Date(now);
  minute.setUTCSeconds(0, 0);
  const waited = plusMinutes(minute, (minutesOf(until) - localMinutes(now, timeZone) + DAY) % DAY);
  // A change to or from daylight saving time in between moves the end.
  const late = (localMinutes(waited, timeZone) - minutesOf(until) + DAY) % DAY;
  let end = plusMinutes(waited, late > DAY / 2 ? DAY - late : -late);
  // A time that the change skips has not come before it: the quiet hours end with the change.
  while (isQuiet(end, quietHours)) end = plusMinutes(end, 1);
  return end;
}

function isQuiet(instant: Date, { from, until, time_zone: timeZone }: QuietHours): boolean {
  const [start, end, local] = [minutesOf(from), minutesOf(until), localMinutes(instant, timeZone)];
  return start <= end ? start <= local && local < end : local >= start || local < end;
}

const DAY = 24 * 60;

const plusMinutes = (instant: Date, minutes: number) => new Date(instant.getTime() + minutes * 60_000);

function minutesOf(time: string): number {
  const [hours = 0, minutes = 0] = time.split(':').map(Number);
  return hours * 60 + minutes;
}

function localMinutes(instant: Date, timeZone: string): number {
  return minutesOf(
    instant.toLocaleTimeString('en-GB', { timeZone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }),
  );
}
