/**
 * Makes a stranger's prose fit to be shown to people and models: control, bidirectional, zero-width, tag and
 * private-use characters can hide instructions from the one and not from the other, so they go.
 *
 * @param maxBytes of UTF-8; the end of a longer text becomes `…`
 */
export function plainText(text: string, maxBytes: number): string {
  // Bounds the work; a text with so many hidden characters that this cuts into the visible ones is no loss.
  const visible = text
    .slice(0, maxBytes * 4)
    .replace(/\r\n?|[\u2028\u2029\u0085]/g, '\n')
    .replace(HIDDEN, '')
    .trim();
  return cut(visible, maxBytes);
}

// General categories control (but tab and line feed), format, surrogate and private use, and what has no shape.
const HIDDEN = /(?![\t\n])[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Default_Ignorable_Code_Point}]/gu;

/** The longest start of `text` that fits `maxBytes` of UTF-8, with `…` in place of the rest. */
export function cut(text: string, maxBytes: number): string {
  if (Buffer.byteLength(text) <= maxBytes) return text;
  const kept = Buffer.from(text).subarray(0, maxBytes - ELLIPSIS_BYTES);
  // A character cut in half decodes to the replacement character.
  return `${kept.toString('utf8').replace(/\uFFFD+$/, '')}…`;
}

const ELLIPSIS_BYTES = 3;
