/** Code units from..to, both counted. */
export type Range = readonly [from: number, to: number];

/** A regular expression without anything that needs backtracking. */
export type Pattern =
  | { readonly kind: 'set'; readonly ranges: readonly Range[]; readonly negated: boolean }
  | { readonly kind: 'sequence'; readonly parts: readonly Pattern[] }
  | { readonly kind: 'choice'; readonly options: readonly Pattern[] }
  | { readonly kind: 'repeat'; readonly of: Pattern; readonly min: number; readonly max: number }
  | { readonly kind: 'start' | 'end' };

/** Longest pattern, highest count in braces, and deepest nesting of groups that are read. */
const LIMITS = { length: 256, count: 100, depth: 16 };

/**
 * Reads the regular part of the common regular-expression syntax: literals, `.`, classes, groups (named ones too),
 * alternatives, `* + ? {n,m}` with or without `?`, `^` and `$`.
 *
 * @param dialect Python takes braces that are no quantifier for themselves (`/users/{id}`), ECMA-262 with `u` for a fault
 * @returns undefined for everything else: look-around, back references, flags, Unicode classes, faulty syntax
 */
export function readPattern(source: string, dialect: 'python' | 'ecma262'): Pattern | undefined {
  if (source.length > LIMITS.length) return undefined;
  const reader = new PatternReader(source, dialect === 'python');
  const pattern = reader.choice(0);
  return reader.isDone ? pattern : undefined;
}

const CLASSES: Readonly<Record<string, readonly Range[]>> = {
  d: [[0x30, 0x39]],
  w: [[0x30, 0x39], [0x41, 0x5a], [0x5f, 0x5f], [0x61, 0x7a]], // prettier-ignore
  s: [[0x09, 0x0d], [0x20, 0x20], [0xa0, 0xa0], [0x2028, 0x2029]], // prettier-ignore
};
const CONTROLS: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', f: '\f', v: '\v' };
const LINE_FEED: Range = [0x0a, 0x0a];

// Each method reads one production and returns undefined where the text does not fit; the first undefined ends it all.
class PatternReader {
  #at = 0;

  constructor(
    private readonly source: string,
    private readonly hasLiteralBraces: boolean,
  ) {}

  get isDone(): boolean {
    return this.#at === this.source.length;
  }

  choice(depth: number): Pattern | undefined {
    if (depth > LIMITS.depth) return undefined;
    const options: Pattern[] = [];
    do {
      const option = this.#sequence(depth);
      if (!option) return undefined;
      options.push(option);
    } while (this.#skip('|'));
    return options.length === 1 ? options[0] : { kind: 'choice', options };
  }

  #sequence(depth: number): Pattern | undefined {
    const parts: Pattern[] = [];
    while (!this.isDone && !'|)'.includes(this.#peek())) {
      const part = this.#repeated(depth);
      if (!part) return undefined;
      parts.push(part);
    }
    return { kind: 'sequence', parts };
  }

  #repeated(depth: number): Pattern | undefined {
    const of = this.#atom(depth);
    const bounds = of && this.#bounds();
    if (!of || !bounds) return of;
    this.#skip('?'); // a lazy quantifier finds the same texts
    const isSecondQuantifier = this.#isQuantifier(this.#at);
    if (isSecondQuantifier || of.kind === 'start' || of.kind === 'end' || bounds.min > bounds.max) return undefined;
    return { kind: 'repeat', of, ...bounds };
  }

  #bounds(): { min: number; max: number } | undefined {
    if (this.#skip('*')) return { min: 0, max: Infinity };
    if (this.#skip('+')) return { min: 1, max: Infinity };
    if (this.#skip('?')) return { min: 0, max: 1 };
    const braces = /^\{(\d{1,3})(,?)(\d{0,3})\}/.exec(this.source.slice(this.#at, this.#at + 9));
    if (!braces) return undefined;
    this.#at += braces[0].length;
    const min = Number(braces[1]);
    const max = braces[3] ? Number(braces[3]) : braces[2] ? Infinity : min;
    const isTooMany = min > LIMITS.count || (max !== Infinity && max > LIMITS.count);
    return isTooMany ? { min: 1, max: 0 } : { min, max };
  }

  #atom(depth: number): Pattern | undefined {
    const char = this.#next();
    if (char === '(') return this.#group(depth);
    if (char === '[') return this.#class();
    if (char === '\\') return this.#escaped();
    if (char === '^') return { kind: 'start' };
    if (char === '$') return { kind: 'end' };
    if (char === '.') return { kind: 'set', ranges: [LINE_FEED], negated: true };
    return this.#isQuantifier(this.#at - 1) ? undefined : literal(char);
  }

  #isQuantifier(at: number): boolean {
    if (this.source[at] !== '{') return '*+?'.includes(this.source[at] ?? ' ');
    return !this.hasLiteralBraces || /^\{(?:\d+(?:,\d*)?|,\d*)\}/.test(this.source.slice(at));
  }

  #group(depth: number): Pattern | undefined {
    // `(?P<name>…)` is how Python writes it.
    const prefix = /^\?(?::|P?<[A-Za-z_]\w*>)/.exec(this.source.slice(this.#at, this.#at + 64))?.[0];
    if (prefix) this.#at += prefix.length;
    else if (this.#peek() === '?') return undefined;
    const inside = this.choice(depth + 1);
    return this.#skip(')') ? inside : undefined;
  }

  #escaped(): Pattern | undefined {
    const ranges = this.#escape();
    return ranges && { kind: 'set', ...ranges };
  }

  #escape(): { ranges: readonly Range[]; negated: boolean } | undefined {
    const char = this.#next();
    const named = CLASSES[char.toLowerCase()];
    if (named && /[dws]/i.test(char)) return { ranges: named, negated: char !== char.toLowerCase() };
    const control = CONTROLS[char];
    if (control) return { ranges: [point(control)], negated: false };
    // Escaped letters and digits mean something else in every dialect: a boundary, a back reference, a code.
    return char && !/[a-zA-Z0-9]/.test(char) ? { ranges: [point(char)], negated: false } : undefined;
  }

  #class(): Pattern | undefined {
    const negated = this.#skip('^');
    const ranges: Range[] = [];
    while (!this.isDone && this.#peek() !== ']') {
      const from = this.#classPart();
      if (!from) return undefined;
      const isRange = this.#peek() === '-' && this.source[this.#at + 1] !== ']' && this.source[this.#at + 1];
      if (isRange) {
        this.#at++;
        const to = this.#classPart();
        const [low, high] = [from[0]?.[0], to?.[0]?.[1]];
        if (from.length > 1 || to?.length !== 1 || low === undefined || high === undefined || low > high)
          return undefined;
        ranges.push([low, high]);
      } else ranges.push(...from);
    }
    return this.#skip(']') && ranges.length > 0 ? { kind: 'set', ranges, negated } : undefined;
  }

  #classPart(): readonly Range[] | undefined {
    const char = this.#next();
    if (char !== '\\') return char ? [point(char)] : undefined;
    const escape = this.#escape();
    return escape && !escape.negated ? escape.ranges : undefined;
  }

  #peek(): string {
    return this.source[this.#at] ?? '';
  }

  #next(): string {
    return this.source[this.#at++] ?? '';
  }

  #skip(char: string): boolean {
    if (this.#peek() !== char) return false;
    this.#at++;
    return true;
  }
}

const point = (char: string): Range => [char.charCodeAt(0), char.charCodeAt(0)];
const literal = (char: string): Pattern | undefined =>
  char ? { kind: 'set', ranges: [point(char)], negated: false } : undefined;
