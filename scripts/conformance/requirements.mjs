import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { SUITE } from './suite-install.mjs';

export const REVISIONS = ['2025-11-25', '2026-07-28'];
export const LEGS = ['server', 'client'];

/**
 * What the suite asks of one leg at one revision, in its order: `required` counts, the others are run and shown.
 */
export function requirementsOf(leg, revision) {
  const file = join(SUITE, 'node_modules/@modelcontextprotocol/conformance/requirements', `${revision}.yaml`);
  const { [leg]: required, not_scored: others = [] } = parse(readFileSync(file, 'utf8'));
  const unscored = others.filter((other) => other.leg === leg);
  return [
    ...required.map((scenario) => ({ leg, revision, scenario, isRequired: true })),
    ...unscored.map(({ scenario, reason }) => ({ leg, revision, scenario, isRequired: false, reason })),
  ];
}
