/** The simulated account: its data, its clocks, its ids and its event log. */
import type Stripe from 'stripe';
import type { StripeData } from './data.ts';
import { missing } from './fault.ts';

export const API_VERSION = '2026-10-28.endive';

const MS_PER_SECOND = 1000;
const ID_LENGTH = 14;

export type Account = {
  readonly data: StripeData;
  /** Of the machine, in milliseconds. */
  readonly machineMs: () => number;
  /** Base of the pages that it serves. */
  url: string;
  /** The instant that is being simulated while time advances. */
  pinned: number | null;
  /** What happens once the card retries are used up. */
  readonly afterRetries: 'cancel' | 'unpaid';
  /** Called for each event. */
  onEvent: (event: Stripe.EventBase) => void;
};

export function newId(account: Account, prefix: string): string {
  const { data } = account;
  data.counter += 1;
  return `${prefix}_${data.series}${data.counter.toString(36).padStart(ID_LENGTH - data.series.length, '0')}`;
}

/** Milliseconds of the account's own clock. */
export function accountMs({ data, machineMs }: Account): number {
  return machineMs() + data.offsetMs;
}

/** The time on a test clock, or on the account's own clock, in whole seconds. */
export function nowOn(account: Account, testClock: TestClockReference): number {
  if (account.pinned !== null) return account.pinned;
  if (testClock === null || testClock === undefined) return Math.floor(accountMs(account) / MS_PER_SECOND);
  const id = typeof testClock === 'string' ? testClock : testClock.id;
  const clock = account.data.testClocks[id];
  if (clock === undefined) throw missing('test clock', id);
  return clock.frozen_time;
}

export type TestClockReference = string | Stripe.TestHelpers.TestClock | null | undefined;

/** Records an event with the object as it is now. */
export function emit(
  account: Account,
  type: Stripe.EventBase['type'],
  object: object,
  testClock: TestClockReference = null,
): void {
  const event: Stripe.EventBase = {
    id: newId(account, 'evt'),
    object: 'event',
    api_version: API_VERSION,
    created: nowOn(account, testClock),
    data: { object: JSON.parse(JSON.stringify(object)) },
    livemode: false,
    pending_webhooks: 1,
    request: { id: null, idempotency_key: null },
    type,
  };
  account.data.events.push(event);
  account.onEvent(event);
}

/** @throws StripeFault where the table has no such row. */
export function find<Row>(table: Readonly<Record<string, Row>>, kind: string, id: string): Row {
  const row = Object.hasOwn(table, id) ? table[id] : undefined;
  if (row === undefined) throw missing(kind, id);
  return row;
}
