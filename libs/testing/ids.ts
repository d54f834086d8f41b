/**
 * A source of ids for tests that counts: the first is `00000000-0000-7000-8000-000000000001`.
 * They are valid UUIDs (version 7 by their digits) and sort in the order they were made.
 *
 * @param group Told apart by the first block, so that two sources in one test never make the same id.
 */
export function createSequentialIds(group = 0): () => string {
  const prefix = group.toString(16).padStart(8, '0');
  let last = 0;
  return () => {
    last += 1;
    return `${prefix}-0000-7000-8000-${last.toString(16).padStart(12, '0')}`;
  };
}
