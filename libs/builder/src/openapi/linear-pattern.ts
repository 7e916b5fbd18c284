import { type Pattern, readPattern } from './pattern-syntax.js';

/** Steps of one compiled pattern; each costs at most one visit per character of the text. */
const MAX_STEPS = 1_000;

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
    const pattern = readPattern(source);
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
    let current = new Set<number>();
    for (let at = 0; at <= text.length; at++) {
      // Entering at every place makes the search unanchored.
      if (this.#enter(current, { step: 0, at, end: text.length })) return true;
      const code = text.charCodeAt(at);
      const next = new Set<number>();
      for (const index of current) {
        const step = this.steps[index];
        const isTaken = step?.kind === 'set' && at < text.length && accepts(step.set, code);
        if (isTaken && this.#enter(next, { step: index + 1, at: at + 1, end: text.length })) return true;
      }
      current = next;
    }
    return false;
  }

  /** Adds what is reached from a step without taking a character; true if that is the end of the pattern. */
  #enter(reached: Set<number>, { step, at, end }: { step: number; at: number; end: number }): boolean {
    const pending = [step];
    for (let index = pending.pop(); index !== undefined; index = pending.pop()) {
      if (reached.has(index)) continue;
      reached.add(index);
      const entered = this.steps[index];
      if (entered?.kind === 'found') return true;
      if (entered?.kind === 'fork') pending.push(...entered.to);
      if ((entered?.kind === 'start' && at === 0) || (entered?.kind === 'end' && at === end)) pending.push(index + 1);
    }
    return false;
  }
}

/**
 * Whether a backtracking engine, which clients use, is safe with an expression: nothing that repeats without bound
 * may contain a repetition or a choice, for those are the ones that take exponential time.
 */
export function isHarmlessPattern(source: string): boolean {
  const pattern = readPattern(source);
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
