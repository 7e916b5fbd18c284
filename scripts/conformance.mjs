// `npm run conformance`: the official conformance suite against the composer, as a server and as a client. The last
// line is `N of 117`; the exit code is 0 only if all required runs passed.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openFixture, openGround } from './conformance/ground.mjs';
import { printRuns, printUntranslated, tally } from './conformance/report.mjs';
import { LEGS, REVISIONS, requirementsOf } from './conformance/requirements.mjs';
import { openStage } from './conformance/stage.mjs';
import { installSuite } from './conformance/suite-install.mjs';
import { runSuite } from './conformance/suite-run.mjs';
import { UNTRANSLATED } from './conformance/untranslated.mjs';
import { endWith } from './prepare/end-with.mjs';
import { PrepareFailure } from './prepare/npm.mjs';

const HELP = `npm run conformance -- [options]

Runs the official MCP conformance suite against the composer: the server leg with the composer between the suite and a
fixture of ours, the client leg with the composer between a client and the suite's servers.

  --leg server|client    only one of the two
  --revision <revision>  only ${REVISIONS.join(' or ')}
  --only <scenario>      only this scenario
  --direct               the fixture without the composer: shows that the fixture is right (server leg)
  --fixture both|legacy|modern
                         which eras the fixture speaks (default: both)
  --list                 show the scenarios and run nothing
  --results <folder>     keep what the suite writes
  --log                  show the composer's log at the end
  --help
`;

const options = {
  leg: { type: 'string' },
  revision: { type: 'string' },
  only: { type: 'string' },
  direct: { type: 'boolean', default: false },
  fixture: { type: 'string', default: 'both' },
  list: { type: 'boolean', default: false },
  results: { type: 'string' },
  log: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
};

/** For one scenario, its wait for the others included. */
const SCENARIO_MS = 120_000;

const write = (text) => process.stdout.write(text);
const say = (line) => process.stderr.write(`${line}\n`);

await endWith(main);

async function main() {
  const { values: wanted } = parseArgs({ options });
  if (wanted.help) return (write(HELP), 0);
  if (!Object.hasOwn(UNTRANSLATED, wanted.fixture)) {
    throw new PrepareFailure(`--fixture is one of ${Object.keys(UNTRANSLATED).join(', ')}`);
  }
  const suite = await installSuite(say);
  const groups = groupsOf(wanted);
  const runs = groups.flatMap((group) => group.runs);
  if (runs.length === 0) throw new PrepareFailure('no scenario is left to run: see --list');
  if (wanted.list) {
    for (const { leg, revision, scenario, reason } of runs) {
      write(`${leg} ${revision} ${scenario}${reason ? ` (not scored: ${reason})` : ''}\n`);
    }
    return 0;
  }
  const results = wanted.results ?? mkdtempSync(join(tmpdir(), 'composer-conformance-results-'));
  try {
    const outcome = await runGroups(suite, groups, { ...wanted, results });
    printRuns(outcome, write);
    printUntranslated(outcome, write);
    const { required, unscored } = tally(outcome);
    write(`\nunscored: ${unscored.passed} of ${unscored.total}\n`);
    write(`${required.passed} of ${required.total}\n`);
    return required.passed === required.total ? 0 : 1;
  } finally {
    if (!wanted.results) rmSync(results, { recursive: true, force: true });
  }
}

/** One start of the suite each: a leg at a revision, or a single scenario of it. */
function groupsOf({ leg, revision, only, direct }) {
  const legs = direct ? ['server'] : LEGS.filter((one) => leg === undefined || one === leg);
  const revisions = REVISIONS.filter((one) => revision === undefined || one === revision);
  return legs
    .flatMap((one) =>
      revisions.map((at) => ({
        leg: one,
        revision: at,
        runs: requirementsOf(one, at).filter(({ scenario }) => only === undefined || scenario === only),
        isWhole: only === undefined,
      })),
    )
    .filter(({ runs }) => runs.length > 0);
}

async function runGroups(suite, groups, { direct, fixture: fixtureEra, results, log }) {
  const ground = await (direct ? openFixture : openGround)({ fixtureEra });
  const stage = direct ? undefined : await openStage(ground.composer);
  const run = (group) => runGroup(suite, group, { ground, stage, results, fixtureEra });
  try {
    // The server leg waits more than it works, so both revisions go at once. The client leg starts a process for each
    // of its scenarios at the same moment, and one of them measures time: one revision after the other.
    const server = await Promise.all(groups.filter(({ leg }) => leg === 'server').map(run));
    const client = [];
    for (const group of groups.filter(({ leg }) => leg === 'client')) client.push(await run(group));
    return [...server, ...client].flat();
  } finally {
    if (log) say(ground.log());
    await stage?.stop();
    await ground.close();
  }
}

async function runGroup(suite, { leg, revision, runs, isWhole }, { ground, stage, results, fixtureEra }) {
  const which = isWhole
    ? ['--requirements', revision]
    : ['--scenario', runs[0].scenario, '--spec-version', revision, '--force'];
  const against =
    leg === 'server'
      ? ['--url', ground.serverUrl]
      : ['--command', `"${process.execPath}" "${join(import.meta.dirname, 'conformance/driver.mjs')}"`];
  if (leg === 'client') stage.expect(runs.length);
  const outcome = await runSuite(suite, {
    args: [leg, ...against, ...which, '--timeout', `${SCENARIO_MS}`],
    runs,
    folder: join(results, `${leg}-${revision}`),
    env: stage ? { CONFORMANCE_STAGE: stage.url } : {},
  });
  return outcome.map((one) => ({ ...one, fixtureEra, fault: stage?.faultOf(one) }));
}
