import { type Piece, piecesOf } from '#registry';
import type { ToolValues } from './tool-values.js';

/** How a value is written in its place. */
export type Encode = (text: string, argument: string) => string;

export const asIs: Encode = (text) => text;

/** A text with `{{name}}` in it. */
export class TextTemplate {
  readonly pieces: readonly Piece[];

  constructor(text: string) {
    this.pieces = piecesOf(text);
  }

  get arguments(): readonly string[] {
    return this.pieces.flatMap((piece) => (typeof piece === 'string' ? [] : [piece.argument]));
  }

  /** Whether braces are left that look like a place holder and are none. */
  get isOdd(): boolean {
    return this.pieces.some((piece) => typeof piece === 'string' && /\{\{|\}\}/.test(piece));
  }

  /** Whether a value would finish a percent-encoded character that the text begins. */
  get isCutInCode(): boolean {
    return this.pieces.some((piece, at) => {
      return typeof piece === 'string' && at < this.pieces.length - 1 && /%[0-9a-f]?$/i.test(piece);
    });
  }

  /** @param encode how values are written; `written` what stands around them */
  fill(values: ToolValues, encode: Encode, written: (text: string) => string = (text) => text): string {
    const put = (piece: Piece) =>
      typeof piece === 'string' ? written(piece) : encodedOr(values, piece.argument, encode);
    return this.pieces.map(put).join('');
  }

  /** With one and the same text in place of every value. */
  with(value: string): string {
    return this.pieces.map((piece) => (typeof piece === 'string' ? piece : value)).join('');
  }
}

function encodedOr(values: ToolValues, argument: string, encode: Encode): string {
  try {
    return encode(values.text(argument), argument);
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    values.refuse(argument, 'holds half a character');
    return '';
  }
}
