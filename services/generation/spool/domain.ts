/**
 * The spool keeps settlements that cannot reach the database on disk until they are replayed. Its file has one entry per
 * line: `<CRC-32 of the JSON, eight hex digits> <JSON>`.
 */
import { crc32 } from 'node:zlib';
import { z } from 'zod';
import type { CloseRequest, SettleRequest } from '#libs/ledger/types.ts';

export type SpoolEntry =
  | { kind: 'settle'; request: SettleRequest }
  /** Releases the rest of a hold, after its settlements. */
  | { kind: 'close'; request: CloseRequest };

/** What a request needs of the spool. */
export type Spool = {
  /**
   * Resolves when the entry is durable.
   * @throws Error if the spool is full or its disk fails.
   */
  readonly append: (entry: SpoolEntry) => Promise<void>;
};

const nanoUsd = z
  .string()
  .regex(/^\d+$/)
  .transform((text) => BigInt(text));
const tokens = z.number().optional();
const hold = { holdId: z.uuid(), accountId: z.uuid() };

const facts = z.object({
  step: z.string(),
  provider: z.string(),
  model: z.string(),
  endpoint: z.string(),
  status: z.enum(['ok', 'aborted', 'error']),
  errorCode: z.string().nullable(),
  usageSource: z.enum(['provider', 'counted', 'estimated', 'bound']),
  inputTokens: tokens,
  cacheReadTokens: tokens,
  cacheWriteTokens: tokens,
  outputTokens: tokens,
  reasoningTokens: tokens,
  otherUnits: z.record(z.string(), z.number()),
  inputCostNanoUsd: nanoUsd,
  outputCostNanoUsd: nanoUsd,
  priceVersion: z.string(),
  latencyMs: z.number(),
  firstByteMs: z.number().nullable(),
  attempts: z.number(),
  requestBytes: z.number(),
  responseBytes: z.number(),
  providerRequestId: z.string().nullable(),
});

const storedEntry = z.object({
  /** Unix milliseconds at which it was spooled. */
  at: z.number(),
  entry: z.discriminatedUnion('kind', [
    z.object({
      kind: z.literal('settle'),
      request: z.object({
        ...hold,
        callIndex: z.number(),
        meters: z.record(z.string(), nanoUsd),
        facts,
        close: z.boolean(),
      }),
    }),
    z.object({ kind: z.literal('close'), request: z.object(hold) }),
  ]),
});

/** An entry with the time at which it was spooled. */
export type StoredEntry = { readonly at: number; readonly entry: SpoolEntry };

export function encodeEntry(stored: StoredEntry): string {
  const json = JSON.stringify(stored, (_, value) => (typeof value === 'bigint' ? value.toString() : value));
  return `${checksum(json)} ${json}\n`;
}

/** Undefined for a damaged line. */
function decodeLine(line: string): StoredEntry | undefined {
  const json = line.slice(CHECKSUM_LENGTH + 1);
  if (line.slice(0, CHECKSUM_LENGTH) !== checksum(json)) return undefined;
  return storedEntry.safeParse(JSON.parse(json)).data as StoredEntry | undefined;
}

/**
 * Reads a spool file. A last line without its end was being written when the process died: nothing was promised for it.
 * @returns `damaged`: complete lines that cannot be read.
 */
export function decodeEntries(text: string): { entries: StoredEntry[]; damaged: number } {
  const lines = text.split('\n').slice(0, -1);
  const decoded = lines.map(decodeLine);
  const entries = decoded.filter((stored) => stored !== undefined);
  return { entries, damaged: lines.length - entries.length };
}

const CHECKSUM_LENGTH = 8;

function checksum(json: string): string {
  return crc32(json).toString(16).padStart(CHECKSUM_LENGTH, '0');
}
