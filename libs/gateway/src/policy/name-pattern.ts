/**
 * A pattern of names: `*` stands for any text, `?` for one character, everything else for itself.
 *
 * No library for globs, because all of them make a regular expression of a pattern. Tenants write these patterns and
 * members choose the names, and an engine that tries one way after the other can be kept busy for minutes by
 * `*a*a*a*b`. This one follows all ways at once (Thompson's simulation, one bit for each place in the pattern): a name
 * is read once, and a character costs the same whatever came before it.
 */
export class NamePattern {
  /** The pattern, if nothing in it stands for anything else. */
  private readonly exact: string | undefined;
  /** What a name must begin with: most patterns end their look at most names here. */
  private readonly beginning: string;
  private readonly length: number;
  /** By character: the places that it takes the match over. */
  private readonly takes = new Map<string, Uint32Array>();
  /** Those that every character does. */
  private readonly takesAny: Uint32Array;
  /** The places that stay reached, whatever comes: those in front of which a `*` stands. */
  private readonly stays: Uint32Array;
  /** The places reached so far. */
  private readonly reached: Uint32Array;

  constructor(pattern: string) {
    const characters = [...pattern];
    const literal = characters.filter((character) => character !== '*');
    this.exact = /[*?]/.test(pattern) ? undefined : pattern;
    this.beginning = /^[^*?]*/.exec(pattern)![0];
    this.length = literal.length;
    const places = () => new Uint32Array((literal.length >>> 5) + 1);
    this.takesAny = places();
    this.stays = places();
    this.reached = places();
    let place = 0;
    for (const character of characters) {
      if (character === '*') mark(this.stays, place);
      else if (character === '?') mark(this.takesAny, place++);
      else mark(this.takenBy(character, places), place++);
    }
    for (const own of this.takes.values()) own.forEach((word, index) => (own[index] = word | this.takesAny[index]!));
  }

  matches(name: string): boolean {
    if (this.exact !== undefined) return name === this.exact;
    if (!name.startsWith(this.beginning)) return false;
    this.reached.fill(0);
    this.reached[0] = 1;
    for (const character of name) {
      if (!this.advance(this.takes.get(character) ?? this.takesAny)) return false;
    }
    return isMarked(this.reached, this.length);
  }

  /** False if no place is reached any more. */
  private advance(takes: Uint32Array): boolean {
    const { reached, stays } = this;
    let isAlive = 0;
    for (let word = reached.length - 1; word >= 0; word--) {
      const carry = word === 0 ? 0 : (reached[word - 1]! & takes[word - 1]!) >>> 31;
      const next = ((reached[word]! & takes[word]!) << 1) | carry | (reached[word]! & stays[word]!);
      reached[word] = next;
      isAlive |= next;
    }
    return isAlive !== 0;
  }

  private takenBy(character: string, places: () => Uint32Array): Uint32Array {
    let own = this.takes.get(character);
    if (!own) this.takes.set(character, (own = places()));
    return own;
  }
}

function mark(places: Uint32Array, place: number): void {
  places[place >>> 5]! |= 1 << (place & 31);
}

const isMarked = (places: Uint32Array, place: number): boolean => ((places[place >>> 5]! >>> (place & 31)) & 1) === 1;
