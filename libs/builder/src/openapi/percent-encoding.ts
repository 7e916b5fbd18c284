/** Encodes everything but the unreserved characters of RFC 3986, 2.3. Throws `URIError` for half a surrogate pair. */
export function encodeStrictly(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

/**
 * For `allowReserved`: leaves the reserved characters that mean nothing within the value of a query, and what is
 * percent-encoded already (RFC 6570, 3.2.3). What separates (`& = + #`), and brackets, which some servers refuse, are
 * encoded all the same (OpenAPI 3.1.1, 4.8.12.1).
 */
export function encodeKeepingReserved(text: string): string {
  return text
    .split(/(%[0-9a-f]{2})/i)
    .map((part, at) =>
      at % 2 === 1 ? part : encodeStrictly(part).replace(HARMLESS, (code) => decodeURIComponent(code)),
    )
    .join('');
}

/** `: / ? @ ! $ ' ( ) * , ;` */
const HARMLESS = /%(?:3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)/g;

/** Real values are encoded once, or twice by mistake. */
const MAX_PASSES = 8;

/**
 * Undoes percent-encoding byte by byte until nothing is left of it, as the most eager server would. Undefined if
 * something is left after eight passes: every pass costs a walk through the text.
 */
export function decodeFully(text: string): string | undefined {
  let decoded = text;
  for (let pass = 0; pass < MAX_PASSES; pass++) {
    const before = decoded;
    decoded = before.replace(/%[0-9a-f]{2}/gi, (code) => String.fromCharCode(Number.parseInt(code.slice(1), 16)));
    if (decoded === before) return decoded;
  }
  return /%[0-9a-f]{2}/i.test(decoded) ? undefined : decoded;
}
