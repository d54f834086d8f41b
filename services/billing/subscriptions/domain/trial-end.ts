import type { EventData } from './billing-event.ts';
import { addEffects, addEvent, type Change, updateState } from './decision.ts';

/** Ends the running trial. The subscription itself is for the caller to change. */
export function endTrial(change: Change, at: Date, data: EventData): Change {
  const { subscription, runningTrial } = change.state;
  const ended = addEffects(updateState(change, { runningTrial: null }), { kind: 'trial_ended', at });
  return addEvent(ended, {
    kind: 'trial_ended',
    ...(runningTrial !== null && { subject: runningTrial.id }),
    at,
    data: { plan: subscription.planKey, ...data },
  });
}

/** Ends the trial, if there is one, because another plan replaces it. */
export function leaveTrial(change: Change, at: Date, converted: boolean): Change {
  return change.state.subscription.status === 'trialing' ? endTrial(change, at, { converted }) : change;
}
