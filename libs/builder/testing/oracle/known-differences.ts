/**
 * Where the oracle (`@readme/oas-to-har`) and the composer differ and the composer is right, or nobody is wrong. Each
 * is applied to the very value it is about, and counted; what is in no line here must agree to the byte.
 */
export const KNOWN_DIFFERENCES = {
  'default-style':
    'OpenAPI 3.1.1, 4.8.12.2.1: a style that is not given is `simple` or `form`; the oracle then writes no style at all.',
  'label-list':
    'RFC 6570, 3.2.5 and OpenAPI 3.1.1, 4.8.12.6: `label` without `explode` has commas; the oracle writes dots.',
  'falsy-in-path': 'RFC 6570, 2.3: 0 and false are defined; the oracle leaves them out of lists in a path.',
  'same-name':
    'OpenAPI 3.1.1, 4.8.12: a parameter is its name and its place; the oracle takes the first of the name for that of the path.',
  'null-member': 'RFC 6570, 2.3: a member that is null is undefined and left out; the oracle writes `null` or nothing.',
  'encoded-text':
    'RFC 6570, 3.2.1: a `%` of the value is encoded; the oracle sends a text that looks encoded as it is.',
  'member-names': 'RFC 6570, 3.2.1: names of members are encoded as values are; the oracle sends them as they are.',
  'reserved-in-content':
    "RFC 3986, 2.2: the oracle leaves !'()* of a `content` parameter, which are reserved; no `allowReserved` says so.",
  'reserved-separators':
    'OpenAPI 3.1.1, 4.8.12.2.2: with `allowReserved`, # [ ] and what separates pairs (& = +) are encoded all the same.',
  quote: "WHATWG URL, 1.3: the URL parser writes ' as %27 in a query, as every client of this platform does.",
  'illegal-separators':
    'RFC 3986, 3.4: blanks, | and brackets are not legal in a query; the oracle writes them and leaves encoding to others.',
  'exploded-delimiters':
    'OpenAPI 3.1.1, 4.8.12.6: `spaceDelimited` and `pipeDelimited` with `explode` are "n/a"; the composer repeats the name.',
  'deep-without-explode':
    'OpenAPI 3.1.1, 4.8.12.6: `deepObject` is always exploded; the oracle sends nothing without it.',
  'deep-list':
    'OpenAPI 3.1.1 leaves lists in `deepObject` open; the oracle numbers them if the schema says `array` and nothing else.',
  'deep-empty': 'RFC 6570, 2.3: an empty text is defined, so `deepObject` writes it; the oracle writes `null`.',
  'nothing-given':
    'An empty text or list in a query, header or cookie is what models send for "not given", and is left out; the oracle sends an empty value.',
  'header-encoding': 'OpenAPI 3.1.2, 4.8.12: percent-encoding MUST NOT be applied to headers; the oracle applies it.',
  'header-blanks': 'RFC 9110, 5.5: blanks around a value are no part of it; the oracle keeps them.',
  'content-elsewhere':
    'OpenAPI 3.1.1, 4.8.12.2.3: `content` says how a value is written in every place; the oracle honours it in queries alone.',
  'cookie-lists':
    'RFC 6265, 4.1.1 has no comma in a cookie and OpenAPI 3.1.1, appendix D leaves lists in cookies open: one cookie, encoded commas.',
  accept: 'RFC 9110, 12.5.1: what the caller can read, which no argument says; the oracle takes it from the responses.',
  'type-range': 'RFC 9110, 8.3: `content-type` is a type and no range; the oracle sends `*/*`.',
  'text-charset': 'RFC 6657, 3: the charset of text is told; the oracle sends the bare type.',
  bodiless:
    'RFC 9110, 9.3.1 and OpenAPI 3.0.4, 4.7.10: the body of a GET has no meaning and is ignored; the oracle sends it.',
  'several-types':
    'Of several types of JSON nothing says which is sent: the composer takes the first that fits, the oracle the last.',
  'type-of-nothing': 'RFC 9110, 8.3: `content-type` tells of content; the oracle sends it where there is none.',
  'empty-members':
    'RFC 8259, 3: an empty list or object, 0 and false are values and stay in the body; the oracle drops such a one.',
  'form-lists':
    'OpenAPI 3.1.1, 4.8.15: a form writes lists as a query does; the oracle joins them with commas. It is asked for the query.',
  'form-null': 'A null has no text in a form (OpenAPI 3.1.1, appendix B): it is left out; the oracle writes `null`.',
  'part-objects':
    'OpenAPI 3.1.1, 4.8.14.4: a part that is an object is JSON; the oracle makes a part of each of its members.',
  'part-lists': 'RFC 7578, 4.4: parts are not percent-encoded; the oracle encodes what a style has joined.',
} as const;

export type DifferenceId = keyof typeof KNOWN_DIFFERENCES;

/** Which of the differences one set of arguments has met. */
export class MetDifferences {
  readonly met = new Set<DifferenceId>();

  /** @param off one that is not to be allowed for, to see whether it is real */
  constructor(private readonly off?: DifferenceId) {}

  /** What is to be compared in place of `raw`. Only what is really another value counts as met. */
  allow<T>(id: DifferenceId, raw: T, inPlace: T): T {
    if (JSON.stringify(raw) === JSON.stringify(inPlace)) return raw;
    this.met.add(id);
    return this.off === id ? raw : inPlace;
  }
}
