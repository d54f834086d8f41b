/** When an account is told that its trial is about to end. */
import type { BillingEventKind } from '#libs/contracts/subscriptions.ts';
import { daysLater } from '../subscriptions/transitions.ts';

export type DueReminder = {
  kind: Extract<BillingEventKind, `trial_ends_in_${string}`>;
  daysBefore: number;
  /** Trials that end after this… */
  from: Date;
  /** …and not after this are due: of two reminders that were missed, only the closer is still worth telling. */
  until: Date;
};

export function remindersDue(now: Date): readonly DueReminder[] {
  return [
    { kind: 'trial_ends_in_1_day', daysBefore: 1, from: now, until: daysLater(now, 1) },
    { kind: 'trial_ends_in_3_days', daysBefore: 3, from: daysLater(now, 1), until: daysLater(now, 3) },
  ];
}
