import { randomBytes } from 'node:crypto';

/** A secret of 256 bits, without characters that URLs or lists of keys give a meaning. */
export const randomText = () => randomBytes(32).toString('base64url');
