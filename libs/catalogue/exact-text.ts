/** A value as JSON text, integers of any size included; equal data in the same order gives equal text. */
export function exactText(value: unknown): string {
  return (
    JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? inner.toString() : inner)) ?? 'undefined'
  );
}
