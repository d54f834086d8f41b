/** The position of a call in the list of calls, as an opaque text for clients. */
import { z } from 'zod';
import { problem } from '#libs/problems/problems.ts';

export type CallPosition = {
  /** With microseconds, which `Date` would lose. */
  admittedAt: string;
  requestId: string;
  callIndex: number;
};

const position = z.tuple([z.iso.datetime({ precision: 6 }), z.uuid(), z.int().min(0).max(32_767)]);

export function encodeCursor({ admittedAt, requestId, callIndex }: CallPosition): string {
  return Buffer.from(JSON.stringify([admittedAt, requestId, callIndex])).toString('base64url');
}

/** @throws ProblemError `invalid_request` when the cursor was not made by {@link encodeCursor}. */
export function decodeCursor(cursor: string): CallPosition {
  const parsed = position.safeParse(readJson(Buffer.from(cursor, 'base64url').toString('utf8')));
  if (!parsed.success) {
    throw problem('invalid_request', {
      detail: 'Invalid cursor: use next_cursor of the previous page.',
      fields: { param: 'cursor' },
    });
  }
  const [admittedAt, requestId, callIndex] = parsed.data;
  return { admittedAt, requestId, callIndex };
}

const accountPosition = z.tuple([z.uuid(), ...position.def.items]);

/** The position of a call in the list of all accounts' calls. */
export function encodeAccountCursor({
  accountId,
  admittedAt,
  requestId,
  callIndex,
}: CallPosition & { accountId: string }): string {
  return Buffer.from(JSON.stringify([accountId, admittedAt, requestId, callIndex])).toString('base64url');
}

/** @throws ProblemError `invalid_request` when the cursor was not made by {@link encodeAccountCursor}. */
export function decodeAccountCursor(cursor: string): CallPosition & { accountId: string } {
  const parsed = accountPosition.safeParse(readJson(Buffer.from(cursor, 'base64url').toString('utf8')));
  if (!parsed.success)
    throw problem('invalid_request', {
      detail: 'Invalid cursor: use the cursor of the last call.',
      fields: { param: 'cursor' },
    });
  const [accountId, admittedAt, requestId, callIndex] = parsed.data;
  return { accountId, admittedAt, requestId, callIndex };
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
