import { MINIMUMS } from './minimums.mjs';
import { UNTRANSLATED } from './untranslated.mjs';

/**
 * What became of one run: it passes if nothing failed, nothing was warned of where the suite takes that for a failure,
 * and at least as many different checks succeeded as the table of minimums asks for.
 */
export function verdictOn(run) {
  const { leg, scenario, revision, checks, fault } = run;
  if (!checks) return { passed: false, successes: 0, why: ['the suite wrote no result', ...told(fault)] };
  const excused = new Set(untranslatedIn(run)?.checks);
  const of = (status) => checks.filter((check) => check.status === status && !excused.has(check.id));
  const successes = countOf(of('SUCCESS'));
  const bad = [...of('FAILURE'), ...(leg === 'client' ? of('WARNING') : [])];
  const wanted = (MINIMUMS[`${leg} ${revision}`]?.[scenario] ?? 1) - excused.size;
  const why = bad.map(({ id, errorMessage, description }) => `${id}: ${errorMessage ?? description}`);
  if (successes < wanted) why.push(`${successes} different successful checks, at least ${wanted} are wanted`);
  return { passed: why.length === 0, successes, why: why.length === 0 ? why : [...why, ...told(fault)] };
}

/** What translation cannot carry of a run. */
export const untranslatedIn = ({ leg, revision, scenario, fixtureEra = 'both' }) =>
  UNTRANSLATED[fixtureEra][`${leg} ${revision}`]?.[scenario];

/** Each check once: some are repeated with every message that the suite sees. */
const countOf = (checks) => new Set(checks.map(({ id, name }) => `${id} ${name}`)).size;

const told = (fault) => (fault ? [`the client in front of the composer ended with: ${fault}`] : []);
