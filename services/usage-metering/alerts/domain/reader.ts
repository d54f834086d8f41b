import type { Caller } from '#libs/contracts/internal-context.ts';
import { seesWholeAccount } from '../../usage/domain/visibility.ts';
import type { Member } from './audience.ts';

/** As whom a caller reads alerts. An API key is a user of its own who sees the whole account. */
export function readerOf(caller: Caller): Member {
  const { userId, keyId, accountId, role } = caller;
  return { userId: userId ?? keyId ?? accountId, role: seesWholeAccount(caller) ? 'owner' : role };
}
