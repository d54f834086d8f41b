/** Whether PostgreSQL can store a text unchanged: it accepts neither NUL nor an unpaired surrogate. */
export function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\u0000');
}

/** C0 and C1 controls, spelt so that every regex engine reads them: `\p{Cc}` needs a Unicode mode. */
export const CONTROLS = String.raw`\u0000-\u001f\u007f-\u009f`;
