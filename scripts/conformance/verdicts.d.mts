export interface Check {
  readonly id: string;
  readonly name: string;
  readonly status: 'SUCCESS' | 'FAILURE' | 'WARNING' | 'INFO' | 'SKIPPED';
  readonly description?: string;
  readonly errorMessage?: string;
}

export interface Run {
  readonly leg: 'server' | 'client';
  readonly revision: string;
  readonly scenario: string;
  /** Absent if the suite wrote none. */
  readonly checks?: readonly Check[];
  /** Which eras the fixture spoke; both unless given. */
  readonly fixtureEra?: 'both' | 'legacy' | 'modern';
  /** How the client in front of the composer ended, if not well. */
  readonly fault?: string;
}

export interface Verdict {
  readonly passed: boolean;
  /** How many different checks succeeded. */
  readonly successes: number;
  /** Empty if it passed. */
  readonly why: readonly string[];
}

export function verdictOn(run: Run): Verdict;

export function untranslatedIn(run: Run): { readonly checks: readonly string[]; readonly reason: string } | undefined;
