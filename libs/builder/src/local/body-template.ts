import type { ToolValues } from './tool-values.js';

/** A text with `{{name}}` in it, which is filled as its media type wants it. */
export interface BodyTemplate {
  /** Arguments that may be of any type. */
  readonly values: readonly string[];
  /** Arguments that are a part of a text. */
  readonly texts: readonly string[];
  /** Why nothing can be made of it; undefined if something can. */
  readonly fault: string | undefined;
  fill(values: ToolValues): string;
}
