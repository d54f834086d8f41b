/** Whether PostgreSQL can store a text unchanged: it accepts neither NUL nor an unpaired surrogate. */
export function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\u0000');
}
