/** How the API's routes are written, and its lists. */
import type Stripe from 'stripe';
import type { Account } from './account.ts';
import { type Form, integer, text } from './form.ts';
import { listObject } from './subscription-objects.ts';

const DEFAULT_LIMIT = 10;
const MAX_LIMIT = 100;

export type Call = { account: Account; form: Form; id: string };

/** `:id` is the only parameter of a path. */
export type Route = readonly [method: 'GET' | 'POST' | 'DELETE', path: string, serve: (call: Call) => object];

/** A page of rows, newest first, as `limit`, `starting_after` and `ending_before` ask. */
export function pageOf<Row extends { id: string }>(
  oldestFirst: readonly Row[],
  form: Form,
  url: string,
): Stripe.ApiList<Row> {
  const rows = oldestFirst.toReversed();
  const limit = Math.min(integer(form, 'limit') ?? DEFAULT_LIMIT, MAX_LIMIT);
  const before = text(form, 'ending_before');
  if (before !== undefined) {
    const end = rows.findIndex(({ id }) => id === before);
    const newer = rows.slice(0, Math.max(end, 0));
    return listObject(newer.slice(-limit), url, newer.length > limit);
  }
  const after = text(form, 'starting_after');
  const start = after === undefined ? 0 : rows.findIndex(({ id }) => id === after) + 1;
  return listObject(rows.slice(start, start + limit), url, rows.length > start + limit);
}
