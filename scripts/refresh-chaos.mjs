// `npm run chaos:refresh`: processes that renew credentials all the time are killed at random (`kill -9`), against an
// issuer that rotates refresh tokens and revokes a grant whose token it sees twice. With some seconds of grace at the
// issuer no grant is lost. Without grace a process that dies between the issuer's answer and the commit takes a grant
// with it, whatever anybody does: each of them is flagged within five seconds. Or the exit code is 1.
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startIssuer } from './refresh/issuer.mjs';
import { openGround, startWorker } from './refresh/workers.mjs';

const USAGE = `usage: npm run chaos:refresh [-- <options>]

  --kills <n>       processes to kill, for each kind of issuer (100)
  --grants <n>      grants that are renewed all the time (200)
  --grace <s,…>     for how long the issuer takes a token that it has just replaced (30,0)
  --processes <n>   processes that share the database (3)
  --json            one line for programs

Uses the Postgres that TEST_DATABASE_URL names, as a superuser, or starts one.
`;
const LIMITS = { kills: 10_000, grants: 10_000, processes: 16, grace: 600 };
const TENANTS = 10;
const LATENCY_MS = 120;
const LIFETIME_S = 4;
/** How often each grant is used. */
const USE_MS = 500;
/** Beyond its processes' start, how long one lives at least. */
const LIFE_MS = 300;
const FLAG_MS = 5_000;
/** What is left of the leases of the last ones to be killed, and a renewal. */
const CALM_MS = 8_000;

const options = optionsOf(process.argv.slice(2));
const ground = await openGround();
process.exitCode = 1;
try {
  const rows = [];
  for (const grace of options.grace) rows.push(await kills(grace));
  report(rows);
  if (rows.every(isRight)) process.exitCode = 0;
} finally {
  await ground.close();
}

async function kills(grace) {
  const issuer = await startIssuer({ latencyMs: LATENCY_MS, graceMs: grace * 1000, expiresIn: LIFETIME_S });
  const crew = { workers: [], killedAt: new Map() };
  crew.workers.push(await startWorker(ground, issuer)); // migrates
  while (crew.workers.length < options.processes) crew.workers.push(await startWorker(ground, issuer));
  const tenants = [];
  for (let n = 0; n < TENANTS; n++) tenants.push(await ground.tenant(`grace-${grace}-${n}`));
  const grants = [];
  for (let n = 0; n < options.grants; n++) {
    const place = { tenant: tenants[n % TENANTS], name: `grant-${n}` };
    const { grant, tokens } = issuer.grant(place.name);
    await crew.workers[n % options.processes].ask('put', { ...place, tokens });
    grants.push({ place, grant, flaggedAt: undefined, errors: new Set() });
  }
  const use = { isOver: false };
  const users = grants.map((each) => useForever(each, crew, use));
  const before = { ...issuer.seen };
  for (let n = 0; n < options.kills; n++) await killOne(crew, issuer);
  await pause(CALM_MS);
  use.isOver = true;
  await Promise.all(users);
  await Promise.all(grants.map((each) => useAtLast(each, crew, issuer)));
  const row = await judge(grants, { crew, grace, requests: issuer.seen.requests - before.requests });
  await Promise.all(crew.workers.map((worker) => worker.kill('SIGTERM')));
  await issuer.stop();
  return row;
}

/** Calls with it now and then, on any process. Whoever was killed meanwhile is asked no more. */
async function useForever(each, crew, use) {
  await pause(Math.random() * USE_MS);
  while (!use.isOver && each.flaggedAt === undefined) {
    const living = crew.workers.filter((worker) => !worker.isOver);
    const worker = living[Math.floor(Math.random() * living.length)];
    const outcome = await worker?.ask('calls', { ...each.place, count: 1 }).catch(() => undefined);
    const [error] = outcome?.errors ?? [];
    if (error?.startsWith('COMPOSER_GRANT_REFUSED')) each.flaggedAt = performance.now();
    else if (error !== undefined) each.errors.add(error);
    await pause(USE_MS * (0.5 + Math.random()));
  }
}

/** What is not lost must work: a grant that nobody comes by any more would be lost without a word. */
async function useAtLast(each, { workers: [worker] }, issuer) {
  if (each.flaggedAt !== undefined) return;
  const { errors, tokens } = await worker.ask('calls', { ...each.place, count: 1 });
  each.works = errors.length === 0 && issuer.takes(`Bearer ${tokens[0]}`);
  for (const error of errors) each.errors.add(error);
}

async function killOne(crew, issuer) {
  await pause(LIFE_MS * (1 + Math.random()));
  const at = Math.floor(Math.random() * crew.workers.length);
  const victim = crew.workers[at];
  crew.killedAt.set(victim.name, performance.now());
  await victim.kill('SIGKILL');
  crew.workers[at] = await startWorker(ground, issuer);
}

async function judge(grants, { crew, grace, requests }) {
  const row = {
    grace,
    kills: options.kills,
    grants: grants.length,
    requests,
    lost: 0,
    flagged: 0,
    silent: 0,
    stuck: 0,
    slowestMs: 0,
  };
  const standings = await ground.query(`SELECT tenant_id, fingerprint, state, last_error FROM credentials`);
  for (const { place, grant, flaggedAt, errors, works } of grants) {
    for (const error of errors) process.stderr.write(`${place.name}: ${error}\n`);
    if (!grant.isRevoked && flaggedAt === undefined) {
      if (!works) row.stuck += 1;
      continue;
    }
    row.lost += 1;
    const state = standings.find(({ tenant_id: of, fingerprint }) => of === place.tenant && fingerprint === place.name);
    const isFlagged = state?.state === 'reauth_required' && state.last_error === 'rotation_lost';
    if (!isFlagged || flaggedAt === undefined) {
      row.silent += 1;
      process.stderr.write(`${place.name}: ${JSON.stringify(state)} revoked: ${grant.isRevoked}\n`);
      continue;
    }
    row.flagged += 1;
    row.slowestMs = Math.max(row.slowestMs, Math.round(flaggedAt - (crew.killedAt.get(grant.rotatedFor) ?? 0)));
  }
  return row;
}

function isRight({ grace, lost, silent, stuck, slowestMs }) {
  return stuck === 0 && (grace > 0 ? lost === 0 : silent === 0 && slowestMs <= FLAG_MS);
}

function report(rows) {
  if (options.json) {
    process.stdout.write(`${JSON.stringify(rows)}\n`);
    return;
  }
  const line = (cells) => process.stdout.write(`${cells.map((cell) => String(cell).padStart(15)).join('')}\n`);
  process.stdout.write(`${options.processes} processes, each killed one replaced by a new one\n`);
  line(['grace s', 'kills', 'token requests', 'lost grants', 'flagged', 'silently lost', 'stuck', 'slowest flag ms']);
  for (const row of rows) {
    const lost = `${row.lost}/${row.grants}`;
    line([row.grace, row.kills, row.requests, lost, row.flagged, row.silent, row.stuck, row.slowestMs]);
  }
}

function optionsOf(args) {
  try {
    const text = (value) => ({ type: 'string', default: value });
    const { values } = parseArgs({
      args,
      options: {
        kills: text('100'),
        grants: text('200'),
        grace: text('30,0'),
        processes: text('3'),
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    if (values.help) leave(0, process.stdout);
    const number = (value, [least, most]) => {
      const n = Number(value);
      if (!Number.isInteger(n) || n < least || n > most)
        throw new Error(`${value}: a whole number from ${least} to ${most}`);
      return n;
    };
    return {
      kills: number(values.kills, [1, LIMITS.kills]),
      grants: number(values.grants, [1, LIMITS.grants]),
      grace: values.grace.split(',').map((seconds) => number(seconds, [0, LIMITS.grace])),
      processes: number(values.processes, [2, LIMITS.processes]),
      json: values.json,
    };
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    return leave(2, process.stderr);
  }
}

function leave(code, stream) {
  stream.write(USAGE);
  process.exit(code);
}
