/**
 * A source of sequential ids for tests: the first is `00000000-0000-7000-8000-000000000001`.
 * They are valid version 7 UUIDs and sort in the order of their creation.
 *
 * @param group The first block of the ids: two sources in one test need different groups.
 */
export function createSequentialIds(group = 0): () => string {
  const prefix = group.toString(16).padStart(8, '0');
  let last = 0;
  return () => {
    last += 1;
    return `${prefix}-0000-7000-8000-${last.toString(16).padStart(12, '0')}`;
  };
}
