import type { Vector } from './domain/embedding-adapter.ts';
import { ProviderError } from './domain/provider-error.ts';

/** A vector of 12,000 numbers, each written with 20 digits. */
export const MAX_VECTOR_BYTES = 262_144;
const FLOAT_BYTES = 4;

/** @throws ProviderError `malformed` unless there is a vector for each of the inputs. */
export function checkVectors(values: readonly unknown[], inputs: number): Vector[] {
  const vectors = values.map(readVector);
  if (vectors.length === inputs) return vectors;
  throw new ProviderError('malformed', "The provider's answer has not one vector for each input.");
}

function readVector(value: unknown): Vector {
  if (typeof value === 'string') return readBase64(value);
  if (Array.isArray(value) && value.length > 0 && value.every(Number.isFinite)) return value as number[];
  throw new ProviderError('malformed', "The provider's answer has a vector that cannot be read.");
}

/** 32-bit little-endian numbers. */
function readBase64(text: string): Float32Array {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length === 0 || bytes.length % FLOAT_BYTES !== 0) {
    throw new ProviderError('malformed', "The provider's answer has a vector that cannot be read.");
  }
  const vector = new Float32Array(bytes.length / FLOAT_BYTES);
  for (let at = 0; at < vector.length; at += 1) vector[at] = bytes.readFloatLE(at * FLOAT_BYTES);
  return vector;
}
