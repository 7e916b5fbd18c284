import { plainText } from '../openapi/plain-text.js';

/** A text of a schema, fit to be shown; empty where an introspection gives something else in its place. */
export function statedText(text: unknown, maxBytes: number): string {
  return typeof text === 'string' ? plainText(text, maxBytes) : '';
}
