import { UnsupportedOperationError } from '../openapi/openapi.errors.js';
import { readPathTemplate } from '../openapi/path-template.js';
import { pathValueFault } from '../openapi/path-value.js';
import { encodeStrictly } from '../openapi/percent-encoding.js';
import { PairValue } from './pair-value.js';
import { TextTemplate } from './text-template.js';
import type { ToolValues } from './tool-values.js';

const MAX_CHARS = 64 * 1024;
/** What may stand in a query as it is (RFC 3986, 3.4). */
const NOT_IN_QUERY = /[^\w\-.~!$'()*+,;:@/?=%]|%(?![0-9a-f]{2})/giu;

interface Pair {
  /** With the `=`, if there is one. */
  readonly name: string;
  readonly value: PairValue;
}

/**
 * Path and query of a tool. Arguments choose values and nothing else: the address has the origin of its endpoint, begins
 * with its path, and has as many segments and pairs as were written, whatever they hold.
 */
export class ToolAddress {
  private readonly prefix: string;
  private readonly segments: readonly TextTemplate[];
  private readonly pairs: readonly Pair[];

  /** @param path below the endpoint, with its query */
  constructor(
    private readonly path: string,
    private readonly base: URL,
  ) {
    const [plain = '', ...query] = path.split('?');
    this.prefix = base.pathname.replace(/\/$/, '');
    this.segments = plain.split('/').map((segment) => new TextTemplate(segment));
    this.pairs = query
      .join('?')
      .split('&')
      .filter((pair) => pair !== '')
      .map((pair) => {
        const equals = pair.indexOf('=') + 1;
        return { name: pair.slice(0, equals), value: new PairValue(pair.slice(equals)) };
      });
  }

  /** Arguments that may be of any type. */
  get values(): readonly string[] {
    return this.pairs.flatMap(({ value }) => value.values);
  }

  /** Arguments that are a part of a text. */
  get texts(): readonly string[] {
    return [
      ...this.segments.flatMap((segment) => segment.arguments),
      ...this.pairs.flatMap(({ value }) => value.texts),
    ];
  }

  /** Why no address could be made of it; undefined if one can. */
  get fault(): string | undefined {
    if (this.path.includes('#')) return 'holds a fragment, which is never sent';
    if (this.pairs.some(({ name }) => name.includes('{{')))
      return 'has an argument as a name in its query: write the name';
    const values = this.pairs.map(({ value }) => value);
    if ([...this.segments, ...values].some(({ isOdd }) => isOdd))
      return 'holds {{…}} that is no name of an argument, or one that spans a "/"';
    if ([...this.segments, ...values.map(({ text }) => text)].some(({ isCutInCode }) => isCutInCode))
      return 'has an argument right behind an unfinished "%"';
    try {
      // What stands around an argument is judged with a harmless one.
      readPathTemplate(this.segments.map((segment) => segment.with('x')).join('/'));
      return undefined;
    } catch (error) {
      if (error instanceof UnsupportedOperationError) return `cannot be called: ${error.message}`;
      throw error;
    }
  }

  /** Notes what does not fit at `values`; what is given then is not to be sent. */
  fill(values: ToolValues): string {
    const path = this.segments.map((segment) => this.segment(segment, values)).join('/');
    const query = [
      this.base.search.slice(1),
      ...this.pairs.map(({ name, value }) => inQuery(name) + value.fill(values, inQuery)),
    ].filter((pair) => pair !== '');
    const { origin, pathname } = this.base;
    if (values.faults.length > 0) return pathname;
    const url = new URL(`${origin}${this.prefix}${path}${query.length > 0 ? `?${query.join('&')}` : ''}`);
    const fault = this.outside(url);
    if (fault) values.refuse('', fault);
    return url.pathname + url.search;
  }

  private segment(segment: TextTemplate, values: ToolValues): string {
    const [first] = segment.arguments;
    const text = segment.fill(values, (value, argument) => {
      const fault: string | undefined = pathValueFault(value);
      if (fault) values.refuse(argument, fault);
      return fault ? 'x' : encodeStrictly(value);
    });
    // A value that is harmless alone may not be so beside what was written. Slashes in it are those that were written.
    const fault = first === undefined || values.faults.length > 0 ? undefined : faultOfParts(text);
    if (fault) values.refuse(first!, fault);
    return text;
  }

  // The checks of the single values make this unreachable; it stands because a credential goes wherever this points.
  private outside({ origin, pathname, href }: URL): string | undefined {
    const count = this.prefix.split('/').length + this.segments.length - 1;
    const isInside =
      origin === this.base.origin && pathname.startsWith(`${this.prefix}/`) && pathname.split('/').length === count;
    if (!isInside) return 'the arguments lead out of the path of this tool';
    return href.length > MAX_CHARS ? `the arguments make an address of more than ${MAX_CHARS} characters` : undefined;
  }
}

const faultOfParts = (segment: string): string | undefined => segment.split(/%2f/i).map(pathValueFault).find(Boolean);

const inQuery = (text: string): string => text.replace(NOT_IN_QUERY, encodeURIComponent);
