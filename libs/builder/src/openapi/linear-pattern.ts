import { type Pattern, readPattern } from './pattern-syntax.js';

/** Steps of one compiled pattern; each costs at most one visit per character of the text. */
const MAX_STEPS = 1_000;
const NOWHERE = -1;

type Step =
  | { readonly kind: 'set'; readonly set: Extract<Pattern, { kind: 'set' }> }
  | { readonly kind: 'fork'; readonly to: number[] }
  | { readonly kind: 'start' | 'end' | 'found' };

/**
 * A stranger's regular expression, searched for in time proportional to pattern times text: all ways to match are
 * followed at once (Thompson's construction), so nothing is ever tried twice.
 */
export class LinearPattern {
  private constructor(private readonly steps: readonly Step[]) {}

  /** @returns undefined if the expression is faulty, too large, or needs more than a regular language */
  static compile(source: string): LinearPattern | undefined {
    return LinearPattern.#of(readPattern(source, 'python'));
  }

  /** As `compile`, for a pattern that has to fit from the start of the text. */
  static compileAnchored(source: string): LinearPattern | undefined {
    const pattern = readPattern(source, 'python');
    return pattern && LinearPattern.#of({ kind: 'sequence', parts: [{ kind: 'start' }, pattern] });
  }

  static #of(pattern: Pattern | undefined): LinearPattern | undefined {
    const steps: Step[] = [];
    if (!pattern || !append(steps, pattern)) return undefined;
    steps.push({ kind: 'found' });
    return new LinearPattern(steps);
  }

  /** The most steps that a search in a text of this length can take. */
  costIn(text: string): number {
    return this.steps.length * (text.length + 1);
  }

  /** Whether the pattern occurs anywhere in `text`. */
  isFoundIn(text: string): boolean {
    const seen = new Int32Array(this.steps.length).fill(NOWHERE);
    let current: number[] = [];
    for (let at = 0; at <= text.length; at++) {
      const place: Place = { at, end: text.length, seen };
      // Entering at every place makes the search unanchored.
      if (this.#enter(current, 0, place)) return true;
      const code = text.charCodeAt(at);
      const next: number[] = [];
      for (const index of current) {
        const step = this.steps[index];
        const isTaken = step?.kind === 'set' && at < text.length && accepts(step.set, code);
        if (isTaken && this.#enter(next, index + 1, { ...place, at: at + 1 })) return true;
      }
      current = next;
    }
    return false;
  }

  /** Adds the characters that may come next after a step; true if the pattern can end there. */
  #enter(reached: number[], first: number, { at, end, seen }: Place): boolean {
    const pending = [first];
    for (let index = pending.pop(); index !== undefined; index = pending.pop()) {
      if (seen[index] === at) continue;
      seen[index] = at;
      const step = this.steps[index];
      if (step?.kind === 'found') return true;
      if (step?.kind === 'set') reached.push(index);
      else if (step?.kind === 'fork') pending.push(...step.to);
      else if (step?.kind === 'start' ? at === 0 : at === end) pending.push(index + 1);
    }
    return false;
  }
}

interface Place {
  readonly at: number;
  readonly end: number;
  /** The place at which each step was last entered. */
  readonly seen: Int32Array;
}

/**
 * Whether a backtracking engine, which clients use, is safe with an expression: nothing that repeats without bound
 * may contain a repetition or a choice, for those are the ones that take exponential time.
 */
export function isHarmlessPattern(source: string): boolean {
  const pattern = readPattern(source, 'ecma262');
  return pattern !== undefined && !hasNestedRepeat(pattern, false);
}

function hasNestedRepeat(pattern: Pattern, isInside: boolean): boolean {
  if (pattern.kind === 'sequence') return pattern.parts.some((part) => hasNestedRepeat(part, isInside));
  if (pattern.kind === 'choice') return isInside || pattern.options.some((option) => hasNestedRepeat(option, isInside));
  if (pattern.kind !== 'repeat') return false;
  const isVariable = pattern.min !== pattern.max;
  return (isInside && isVariable) || hasNestedRepeat(pattern.of, isInside || pattern.max > 1);
}

function accepts({ ranges, negated }: Extract<Pattern, { kind: 'set' }>, code: number): boolean {
  return ranges.some(([from, to]) => code >= from && code <= to) !== negated;
}

/** Appends the steps of `pattern`; control goes on behind the last one. False if there are too many. */
function append(steps: Step[], pattern: Pattern): boolean {
  if (steps.length >= MAX_STEPS) return false;
  if (pattern.kind === 'sequence') return pattern.parts.every((part) => append(steps, part));
  if (pattern.kind === 'choice') return appendChoice(steps, pattern.options);
  if (pattern.kind === 'repeat') return appendRepeat(steps, pattern);
  steps.push(pattern.kind === 'set' ? { kind: 'set', set: pattern } : { kind: pattern.kind });
  return true;
}

function appendChoice(steps: Step[], options: readonly Pattern[]): boolean {
  const fork = pushFork(steps);
  const exits: { to: number[] }[] = [];
  for (const option of options) {
    fork.to.push(steps.length);
    if (!append(steps, option)) return false;
    exits.push(pushFork(steps));
  }
  for (const exit of exits) exit.to.push(steps.length);
  return true;
}

function appendRepeat(steps: Step[], { of, min, max }: Extract<Pattern, { kind: 'repeat' }>): boolean {
  for (let count = 0; count < min; count++) if (!append(steps, of)) return false;
  if (max === Infinity) {
    const loop = pushFork(steps);
    const again = steps.length - 1;
    loop.to.push(steps.length);
    if (!append(steps, of)) return false;
    pushFork(steps).to.push(again);
    loop.to.push(steps.length);
    return true;
  }
  const skips: { to: number[] }[] = [];
  for (let count = min; count < max; count++) {
    const skip = pushFork(steps);
    skip.to.push(steps.length);
    skips.push(skip);
    if (!append(steps, of)) return false;
  }
  for (const skip of skips) skip.to.push(steps.length);
  return true;
}

function pushFork(steps: Step[]): { to: number[] } {
  const fork = { kind: 'fork', to: [] as number[] } as const;
  steps.push(fork);
  return fork;
}
