import { NamePattern } from './name-pattern.js';

/**
 * Characters of all patterns with wildcards together. Whoever gives a principal many roles, each with many patterns, is
 * still one tenant of many: this bounds how long a list of tools takes to be judged. What is beyond matches nothing.
 */
const MAX_CHARACTERS = 8_192;

/** Several patterns of names, any of which will do. */
export class NamePatterns {
  private readonly names: ReadonlySet<string>;
  private readonly patterns: readonly NamePattern[];

  constructor(patterns: readonly string[]) {
    this.names = new Set(patterns.filter(isName));
    let characters = 0;
    this.patterns = [...new Set(patterns)]
      .filter((one) => !isName(one) && (characters += one.length) <= MAX_CHARACTERS)
      .map((one) => new NamePattern(one));
  }

  match(name: string): boolean {
    return this.names.has(name) || this.patterns.some((pattern) => pattern.matches(name));
  }
}

const isName = (pattern: string): boolean => !/[*?]/.test(pattern);
