/** The type without its parameters, in lower case; empty if there is none. */
export const essenceOf = (contentType: string | undefined): string =>
  (contentType ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';

/** `application/json` and everything whose structured syntax is JSON (RFC 6839). */
export function isJsonType(contentType: string | undefined): boolean {
  const essence = essenceOf(contentType);
  return essence === 'application/json' || essence === 'text/json' || /^[\w.+-]+\/[\w.+-]+\+json$/.test(essence);
}

/** The `charset` parameter in lower case, if there is one. */
export const charsetOf = (contentType: string | undefined): string | undefined =>
  /;\s*charset\s*=\s*"?([\w.:-]+)/i.exec(contentType ?? '')?.[1]?.toLowerCase();

/** Whether a body of this type is text. Types that are not known are not. */
export const isTextualType = (essence: string): boolean =>
  essence.startsWith('text/') || isJsonType(essence) || TEXTUAL.test(essence);

const TEXTUAL =
  /^(?:application\/(?:xml|yaml|x-yaml|javascript|graphql|ndjson|x-ndjson|jsonl|json-seq|sql|toml|jwt|x-www-form-urlencoded)|[\w.+-]+\/[\w.+-]+\+(?:xml|yaml|json-seq))$/;
