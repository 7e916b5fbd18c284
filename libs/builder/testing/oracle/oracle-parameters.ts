import type { MetDifferences } from './known-differences.js';

/** A parameter as the oracle takes it. */
export interface OracleParameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header' | 'cookie';
  readonly style?: string;
  readonly explode?: boolean;
  readonly allowReserved?: boolean;
  readonly schema?: unknown;
  readonly content?: Readonly<Record<string, unknown>>;
}

const DEFAULT_STYLE = { path: 'simple', query: 'form', header: 'simple', cookie: 'form' } as const;

/**
 * What the oracle is asked in place of a parameter and its value, so that known differences do not show.
 *
 * @returns no value where nothing is to be sent
 */
export function allowedParameter(
  declared: OracleParameter,
  given: unknown,
  met: MetDifferences,
): { readonly parameter: OracleParameter; readonly value: unknown } {
  const isEmpty = given === '' || (Array.isArray(given) && given.length === 0);
  if (declared.content && declared.in !== 'path' && isEmpty) {
    return { parameter: declared, value: met.allow('nothing-given', given, undefined) };
  }
  const isElsewhere = declared.content !== undefined && declared.in !== 'query';
  if (isElsewhere) {
    const { name, in: place } = declared;
    const [parameter, value] = met.allow(
      'content-elsewhere',
      [declared, given] as const,
      [
        { name, in: place, style: DEFAULT_STYLE[place], schema: { type: 'string' } },
        isJson(declared) ? JSON.stringify(given) : given,
      ] as const,
    );
    return { parameter, value };
  }
  if (declared.content) return { parameter: declared, value: given };
  const parameter = allowedStyle(declared, given, met);
  const present = isComplex(given) ? met.allow('null-member', given, withoutNulls(given) as object) : given;
  const isNothing = parameter.in !== 'path' && nothingOr(present) === undefined;
  if (isNothing && met.allow('nothing-given', present, undefined) === undefined) return { parameter, value: undefined };
  return { parameter, value: allowedValue(parameter, present, met) };
}

const isJson = ({ content }: OracleParameter): boolean => /[/+]json$/.test(Object.keys(content ?? {})[0] ?? '');
const isComplex = (value: unknown): value is object => typeof value === 'object' && value !== null;

function allowedStyle(declared: OracleParameter, given: unknown, met: MetDifferences): OracleParameter {
  const { style, in: place } = declared;
  const isDefault = style === undefined && (place === 'path' || place === 'cookie' || isComplex(given));
  let parameter = isDefault
    ? met.allow('default-style', declared, { ...declared, style: DEFAULT_STYLE[place] })
    : declared;
  const isDelimited = parameter.style === 'spaceDelimited' || parameter.style === 'pipeDelimited';
  if (isDelimited && parameter.explode)
    parameter = met.allow('exploded-delimiters', parameter, { ...parameter, style: 'form' });
  if (parameter.style === 'deepObject' && parameter.explode === false)
    parameter = met.allow('deep-without-explode', parameter, { ...parameter, explode: true });
  if (parameter.style === 'deepObject' && Array.isArray(given))
    parameter = met.allow('deep-list', parameter, { ...parameter, schema: { type: 'array', items: {} } });
  return parameter;
}

function allowedValue(parameter: OracleParameter, value: unknown, met: MetDifferences): unknown {
  const { in: place } = parameter;
  if (place === 'cookie' && isComplex(value))
    return met.allow<unknown>('cookie-lists', value, scalars(value).join(','));
  if (place === 'path' && Array.isArray(value)) {
    const written = value.map((member: unknown) => (member === false || member === 0 ? String(member) : member));
    return met.allow('falsy-in-path', value, written);
  }
  const named = isComplex(value) && place !== 'header' ? met.allow('member-names', value, encodedNames(value)) : value;
  return place === 'query' ? allowedTexts(parameter, named, met) : named;
}

const scalars = (value: object): unknown[] =>
  Array.isArray(value) ? value : Object.entries(value).flatMap((member) => member);

const nothingOr = (value: unknown): unknown =>
  value === '' || (isComplex(value) && Object.keys(value).length === 0) ? undefined : value;

/** At every depth, since `deepObject` has several. */
export function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.filter((member) => member !== null).map(withoutNulls);
  if (!isComplex(value)) return value;
  const members = Object.entries(value).filter(([, member]) => member !== null);
  return Object.fromEntries(members.map(([name, member]) => [name, withoutNulls(member)]));
}

function encodedNames(value: object): object {
  if (Array.isArray(value)) return value.map((member: unknown) => (isComplex(member) ? encodedNames(member) : member));
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      encoded(name, /[A-Za-z0-9\-._~]/),
      isComplex(member) ? encodedNames(member) : member,
    ]),
  );
}

// The oracle takes what looks encoded for encoded: in that form it is told what to send.
function allowedTexts(parameter: OracleParameter, given: unknown, met: MetDifferences): unknown {
  const value = typeof given === 'number' && String(given).includes('+') ? String(given) : given;
  if (isComplex(value)) {
    if (Array.isArray(value)) return value.map((member) => allowedTexts(parameter, member, met));
    return Object.fromEntries(
      Object.entries(value).map(([name, member]) => [name, allowedTexts(parameter, member, met)]),
    );
  }
  if (typeof value !== 'string') return value;
  if (!parameter.allowReserved) {
    return looksEncoded(value) ? met.allow('encoded-text', value, encoded(value, /[A-Za-z0-9\-._~]/)) : value;
  }
  const expanded = /%[0-9a-f]{2}/i.test(value) ? met.allow('encoded-text', value, reserved(value)) : value;
  return /[#[\]&=+]/.test(expanded)
    ? met.allow('reserved-separators', expanded, reserved(expanded).replace(/[#[\]&=+]/g, encodeURIComponent))
    : expanded;
}

function looksEncoded(text: string): boolean {
  try {
    return decodeURIComponent(text) !== text;
  } catch {
    return false;
  }
}

/** RFC 6570, 3.2.3: reserved characters and what is encoded stay. */
const reserved = (text: string): string =>
  text.replace(/%[0-9a-f]{2}|[^]/giu, (part) =>
    part.length > 2 && part.startsWith('%') ? part : encoded(part, /[A-Za-z0-9\-._~:/?#[\]@!$&'()*+,;=]/),
  );

/** Every character but the kept ones, byte by byte in UTF-8. */
const encoded = (text: string, kept: RegExp): string =>
  [...text]
    .map((char) =>
      kept.test(char)
        ? char
        : [...Buffer.from(char)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
    )
    .join('');

/** Encodes what no query may hold as it stands (RFC 3986, 3.4). */
const legalInQuery = (text: string): string => encoded(text, /[A-Za-z0-9\-._~:/?@!$&'()*+,;=%]/);

const NOTHING = /(?!)/;

/** The pairs that the oracle puts into a query, as they are written in one. */
export function queryOf(
  pairs: readonly { readonly name: string; readonly value: string }[],
  parameters: readonly OracleParameter[],
  met: MetDifferences,
): string[] {
  return pairs.flatMap(({ name, value }) => {
    const isDeep = parameters.some((one) => one.style === 'deepObject' && name.startsWith(`${one.name}[`));
    const isContent = parameters.some((one) => one.name === name && one.in === 'query' && one.content);
    const text = isDeep && value === 'null' ? met.allow('deep-empty', value, '') : value;
    const plain = isContent
      ? met.allow(
          'reserved-in-content',
          text,
          text.replace(/[!'()*]/g, (char) => encoded(char, NOTHING)),
        )
      : met.allow('quote', text, text.replaceAll("'", '%27'));
    // A value may hold further pairs: exploded lists of the default style do.
    return met.allow('illegal-separators', `${name}=${plain}`, legalInQuery(`${name}=${plain}`)).split('&');
  });
}
