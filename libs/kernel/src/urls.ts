/**
 * The URL, or `undefined` if the text is none. Use this and not `URL.canParse`: on Node.js 20 that one, once it is hot,
 * says no to URLs with letters beyond ASCII.
 */
export function parseUrl(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}
