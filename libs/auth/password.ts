import { argon2, hash, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { createHashQueue } from './hash-queue.ts';

const argon2Async = promisify(argon2);
/** Half of the thread pool, whose other half resolves names and reads files for everybody else. */
const MAX_RUNNING = 2;
/** About two seconds of work. */
const MAX_WAITING = 64;
const inTurn = createHashQueue({ running: MAX_RUNNING, waiting: MAX_WAITING });

/**
 * Argon2id with 19 MiB, 2 passes and parallelism 1.
 *
 * @see https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html
 */
const PARAMETERS = { memoryKibibytes: 19_456, passes: 2, parallelism: 1 } as const;
const SALT_BYTES = 16;
const TAG_BYTES = 32;

/** Upper bounds for the parameters of a stored hash, which determine the memory and time of a login. */
const MAX_MEMORY_KIBIBYTES = 262_144;
const MAX_PASSES = 16;
const MAX_PARALLELISM = 16;

type Parameters = { readonly memoryKibibytes: number; readonly passes: number; readonly parallelism: number };
type StoredHash = Parameters & { readonly salt: Buffer; readonly tag: Buffer };

const PHC =
  /^\$argon2id\$v=19\$m=(\d{1,9}),t=(\d{1,4}),p=(\d{1,4})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{16,171})$/;

/**
 * Hashes a password as a PHC string, which contains salt and parameters. Runs in the thread pool.
 *
 * @throws ProblemError `overloaded` when too many hashes wait.
 * @see https://github.com/P-H-C/phc-string-format/blob/master/phc-sf-spec.md
 */
export async function hashPassword(
  password: string,
  random: (length: number) => Buffer = randomBytes,
): Promise<string> {
  const salt = random(SALT_BYTES);
  return format({ ...PARAMETERS, salt, tag: await derive(password, salt, PARAMETERS, TAG_BYTES) });
}

/**
 * Verifies a password against a stored hash. Pass `null` when there is no such user: the same work is done before
 * returning `false`, so that response times do not reveal which addresses have an account.
 *
 * @throws ProblemError `overloaded` when too many hashes wait.
 * @throws TypeError if the stored text is not an argon2id hash within the accepted bounds.
 */
export async function verifyPassword(password: string, stored: string | null): Promise<boolean> {
  if (stored === null) {
    await derive(password, Buffer.alloc(SALT_BYTES), PARAMETERS, TAG_BYTES);
    return false;
  }
  const { salt, tag, ...parameters } = parse(stored);
  return timingSafeEqual(await derive(password, salt, parameters, tag.length), tag);
}

/**
 * A secret of 32 bytes from a text that contains a password: as slow to guess as the password's own hash.
 *
 * @param context anything that differs between texts; the same text and context have the same secret.
 * @throws ProblemError `overloaded` when too many hashes wait.
 */
export function deriveSecret(text: string, context: string): Promise<Buffer> {
  const salt = hash('sha256', context, 'buffer').subarray(0, SALT_BYTES);
  return derive(text, salt, PARAMETERS, TAG_BYTES);
}

/** Whether a hash was created with outdated parameters. Rehash the password after the next successful login. */
export function passwordNeedsRehash(stored: string): boolean {
  const { salt, tag, memoryKibibytes, passes, parallelism } = parse(stored);
  return (
    memoryKibibytes !== PARAMETERS.memoryKibibytes ||
    passes !== PARAMETERS.passes ||
    parallelism !== PARAMETERS.parallelism ||
    salt.length !== SALT_BYTES ||
    tag.length !== TAG_BYTES
  );
}

function derive(password: string, salt: Buffer, parameters: Parameters, tagLength: number): Promise<Buffer> {
  return inTurn(() =>
    argon2Async('argon2id', {
      // The same password can arrive in different Unicode forms from different keyboards.
      message: password.normalize('NFKC'),
      nonce: salt,
      memory: parameters.memoryKibibytes,
      passes: parameters.passes,
      parallelism: parameters.parallelism,
      tagLength,
    }),
  );
}

function format({ memoryKibibytes, passes, parallelism, salt, tag }: StoredHash): string {
  return `$argon2id$v=19$m=${memoryKibibytes},t=${passes},p=${parallelism}$${unpadded(salt)}$${unpadded(tag)}`;
}

function parse(stored: string): StoredHash {
  const [, memory, passes, parallelism, salt, tag] = PHC.exec(stored) ?? [];
  if (salt === undefined || tag === undefined)
    throw new TypeError('The stored password hash is not argon2id');
  const parameters = {
    memoryKibibytes: Number(memory),
    passes: Number(passes),
    parallelism: Number(parallelism),
  };
  if (
    parameters.memoryKibibytes > MAX_MEMORY_KIBIBYTES ||
    parameters.passes > MAX_PASSES ||
    parameters.parallelism > MAX_PARALLELISM
  ) {
    throw new TypeError('The stored password hash exceeds the accepted parameters');
  }
  return { ...parameters, salt: Buffer.from(salt, 'base64'), tag: Buffer.from(tag, 'base64') };
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}
