import { untranslatedIn, verdictOn } from './verdicts.mjs';

const MARK = { true: 'ok  ', false: 'FAIL' };
const MOST_REASONS = 6;

/** One line a run; below a failed one, why. */
export function printRuns(runs, write) {
  let heading;
  for (const run of runs) {
    const { leg, revision, scenario, isRequired, reason } = run;
    const title = `${leg} ${revision}`;
    if (title !== heading) write(`\n${title}\n`);
    heading = title;
    const { passed, successes, why } = verdictOn(run);
    const note = isRequired ? '' : `  (not scored: ${reason})`;
    write(`  ${MARK[passed]} ${scenario.padEnd(50)} ${String(successes).padStart(3)} checks${note}\n`);
    if (!isRequired) continue;
    for (const line of why.slice(0, MOST_REASONS)) write(`         ${line.replace(/\s+/g, ' ').slice(0, 400)}\n`);
    if (why.length > MOST_REASONS) write(`         and ${why.length - MOST_REASONS} more\n`);
  }
}

/** What was left out of the verdicts, and why. */
export function printUntranslated(runs, write) {
  const found = runs.flatMap((run) => {
    const left = untranslatedIn(run);
    return left ? [{ ...run, ...left, checks: left.checks }] : [];
  });
  if (found.length > 0) write('\nnot carried by translation\n');
  for (const { leg, revision, scenario, checks, reason } of found) {
    write(`  ${leg} ${revision} ${scenario}: ${checks.join(', ')}\n         ${reason}\n`);
  }
}

/** How many of the required runs passed, and how many of those beside them. */
export function tally(runs) {
  const of = (isScored) => {
    const those = runs.filter(({ isRequired }) => isRequired === isScored);
    return { passed: those.filter((run) => verdictOn(run).passed).length, total: those.length };
  };
  return { required: of(true), unscored: of(false) };
}
