/**
 * The most tokens that any tokenizer can make of a text.
 *
 * Every tokenizer in use works on bytes (byte-level BPE, or SentencePiece with byte fallback), so a text never has more
 * tokens than UTF-8 bytes. Some tokenizers first normalise with NFKC, which can expand a character: `U+FDFA` has 3 bytes
 * and its NFKC form has 33. The bound is therefore the longer of the text and its NFKC form.
 */
export function byteBound(text: string): number {
  const bytes = Buffer.byteLength(text);
  // ASCII does not change under NFKC.
  return bytes === text.length ? bytes : Math.max(bytes, Buffer.byteLength(text.normalize('NFKC')));
}

/** The longest prefix, cut between words, whose {@link byteBound} is at most `bound`. */
export function cutToByteBound(text: string, bound: number): string {
  let cut = text;
  for (let excess = byteBound(cut) - bound; excess > 0; excess = byteBound(cut) - bound) {
    cut = cutToBytes(cut, Math.max(0, Buffer.byteLength(cut) - excess));
  }
  return cut;
}

const utf8 = new TextEncoder();

/** The longest prefix of a text that fits, without a partial character or word at its end. */
function cutToBytes(text: string, maxBytes: number): string {
  const { read } = utf8.encodeInto(text, new Uint8Array(maxBytes));
  if (read === text.length) return text;
  const cut = text.slice(0, read);
  const lastSpace = cut.search(/\s\S*$/);
  return lastSpace > 0 ? cut.slice(0, lastSpace) : cut;
}
