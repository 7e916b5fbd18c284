/** A piece of a text with parameters: what stands there, or the argument whose value takes the place. */
export type Piece = string | { readonly argument: string };

/** Names that are properties of every object: an argument of such a name is given by nobody in good faith. */
const UNSAFE: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);
const PLACE_HOLDER = /\{\{\s*([A-Za-z_][A-Za-z0-9_]{0,63})\s*\}\}/g;

/** Whether an argument may have this name. */
export const isArgumentName = (name: string): boolean =>
  /^[A-Za-z_][A-Za-z0-9_]{0,63}$/.test(name) && !UNSAFE.has(name);

/**
 * Takes a text with `{{name}}` apart. Values are put between the pieces, never into the text, so that what a value holds
 * is not read as a place holder again.
 */
export function piecesOf(text: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let end = 0;
  for (const { index, 0: whole, 1: argument = '' } of text.matchAll(PLACE_HOLDER)) {
    if (index > end) pieces.push(text.slice(end, index));
    pieces.push({ argument });
    end = index + whole.length;
  }
  if (end < text.length) pieces.push(text.slice(end));
  return pieces;
}

/** The arguments that a text names, each once. */
export function argumentsIn(text: string): readonly string[] {
  const names = piecesOf(text).flatMap((piece) => (typeof piece === 'string' ? [] : [piece.argument]));
  return [...new Set(names)];
}
