import { randomUUID } from 'node:crypto';
import { type Piece, piecesOf } from '#registry';
import { isDeeperThan } from '../openapi/bounded-json.js';
import type { BodyTemplate } from './body-template.js';
import type { ToolValues } from './tool-values.js';

const MAX_DEPTH = 64;
// A text that is not ended reaches to the end: nothing is looked at twice.
const TEXT = /"(?:[^"\\]|\\(?:[^]|$))*(?:"|$)/g;

/** A piece of JSON text, a value within a text, or a whole value. */
type JsonPiece = string | { readonly argument: string; readonly isWhole: boolean };

/**
 * JSON text with `{{name}}` in it: within a text it is a part of that text, outside of texts a value of any type. What a
 * value holds never ends the place that it stands in. The rest is sent as it was written.
 */
export class JsonTemplate implements BodyTemplate {
  private readonly pieces: readonly JsonPiece[];

  constructor(text: string) {
    const pieces: JsonPiece[] = [];
    const take = (part: string, isWhole: boolean): void => {
      for (const piece of piecesOf(part)) pieces.push(typeof piece === 'string' ? piece : { ...piece, isWhole });
    };
    let end = 0;
    for (const { index, 0: whole } of text.matchAll(TEXT)) {
      take(text.slice(end, index), true);
      take(whole, false);
      end = index + whole.length;
    }
    take(text.slice(end), true);
    this.pieces = pieces;
  }

  /** Arguments that may be of any type. */
  get values(): readonly string[] {
    return this.named(true);
  }

  /** Arguments that are a part of a text. */
  get texts(): readonly string[] {
    return this.named(false);
  }

  /** Why this is no template of JSON; undefined if it is one. */
  get fault(): string | undefined {
    // It begins with no character that a backslash before it makes an escape of: behind one there is no place for a value.
    const mark = `x${randomUUID()}`;
    const tried = this.pieces.map((piece) => (typeof piece === 'string' ? piece : piece.isWhole ? '0' : mark)).join('');
    if (isDeeperThan(tried, MAX_DEPTH)) return `is nested deeper than ${MAX_DEPTH} levels`;
    let hasNamedKey = false;
    try {
      JSON.parse(tried, (key, value: unknown) => {
        hasNamedKey ||= key.includes(mark);
        return value;
      });
    } catch {
      return 'is no JSON';
    }
    return hasNamedKey ? 'has an argument as a key: name the key, and let the argument be its value' : undefined;
  }

  fill(values: ToolValues): string {
    return this.pieces
      .map((piece) => {
        if (typeof piece === 'string') return piece;
        if (!piece.isWhole) return JSON.stringify(values.text(piece.argument)).slice(1, -1);
        const text = values.json(piece.argument);
        if (isDeeperThan(text, MAX_DEPTH)) values.refuse(piece.argument, `is nested deeper than ${MAX_DEPTH} levels`);
        return text;
      })
      .join('');
  }

  private named(isWhole: boolean): readonly string[] {
    return this.pieces.flatMap((piece: Piece | JsonPiece) => {
      return typeof piece !== 'string' && 'isWhole' in piece && piece.isWhole === isWhole ? [piece.argument] : [];
    });
  }
}
