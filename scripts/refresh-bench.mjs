// `npm run bench:refresh`: many calls at once on an expired credential, over several processes, against an issuer that
// rotates refresh tokens and revokes a grant whose token it sees twice. One token request per expiry, no call fails, no
// grant is revoked, or the exit code is 1.
import { parseArgs } from 'node:util';
import { setTimeout as pause } from 'node:timers/promises';
import { startIssuer } from './refresh/issuer.mjs';
import { openGround, startWorker } from './refresh/workers.mjs';

const USAGE = `usage: npm run bench:refresh [-- <options>]

  --latency <ms,…>     how long the issuer takes to answer (50,500,5000)
  --expiries <n>       how often the credential expires at each latency (20)
  --calls <n>          calls at once, over all processes (1000)
  --processes <n>      processes that share the database (3)
  --json               one line for programs

Uses the Postgres that TEST_DATABASE_URL names, as a superuser, or starts one.
`;
/** Longer than the stragglers of one round may need to come by the credential of that round. */
const LIFETIME_S = 4;
const LIMITS = { expiries: 1_000, calls: 100_000, processes: 16, latency: 9_000 };

const options = optionsOf(process.argv.slice(2));
const ground = await openGround();
const issuer = await startIssuer({ expiresIn: LIFETIME_S });
const workers = [];
process.exitCode = 1;
try {
  workers.push(await startWorker(ground, issuer)); // migrates
  while (workers.length < options.processes) workers.push(await startWorker(ground, issuer));
  const rows = [];
  for (const latency of options.latency) rows.push(await measure(latency));
  report(rows);
  if (rows.every(isRight)) process.exitCode = 0;
} finally {
  await Promise.all(workers.map((worker) => worker.kill('SIGTERM')));
  await issuer.stop();
  await ground.close();
}

async function measure(latency) {
  const place = { tenant: await ground.tenant(`latency-${latency}`), name: 'grant' };
  const { grant, tokens } = issuer.grant(place.name);
  await workers[0].ask('put', { ...place, tokens: { ...tokens, expires_in: 0 } });
  issuer.settings.latencyMs = latency;
  const row = { latency, expiries: 0, requests: 0, calls: 0, failed: 0, revoked: 0, times: [], errors: new Set() };
  for (let expiry = 1; expiry <= options.expiries; expiry++) {
    const before = { ...issuer.seen };
    const outcomes = await Promise.all(
      workers.map((worker, at) => worker.ask('calls', { ...place, count: shareOf(at) })),
    );
    row.requests += issuer.seen.requests - before.requests;
    const generations = new Set(outcomes.flatMap((outcome) => outcome.generations));
    if (issuer.seen.requests - before.requests === 1 && generations.size === 1) row.expiries += 1;
    for (const { ms, errors } of outcomes) {
      row.calls += ms.length;
      row.failed += errors.length;
      row.times.push(...ms);
      for (const error of errors) row.errors.add(error);
    }
    await pause(LIFETIME_S * 1000 + 100);
  }
  row.revoked = grant.isRevoked ? 1 : 0;
  return row;
}

function shareOf(at) {
  const rest = options.calls % options.processes;
  return Math.floor(options.calls / options.processes) + (at < rest ? 1 : 0);
}

function isRight({ expiries, requests, failed, revoked }) {
  return expiries === options.expiries && requests === options.expiries && failed === 0 && revoked === 0;
}

function report(rows) {
  const told = rows.map(({ times, errors, ...row }) => ({ ...row, p99: p99(times), errors: [...errors] }));
  if (options.json) {
    process.stdout.write(`${JSON.stringify(told)}\n`);
    return;
  }
  const line = (cells) => process.stdout.write(`${cells.map((cell) => String(cell).padStart(15)).join('')}\n`);
  process.stdout.write(`${options.calls} calls at once over ${options.processes} processes\n`);
  line(['latency ms', 'expiries right', 'token requests', 'calls', 'failed calls', 'revoked grants', 'p99 ms']);
  for (const { latency, expiries, requests, calls, failed, revoked, p99: slow } of told) {
    line([latency, `${expiries}/${options.expiries}`, requests, calls, failed, revoked, slow]);
  }
  for (const { errors } of told) for (const error of errors) process.stdout.write(`${error}\n`);
}

function p99(times) {
  const sorted = [...times].sort((a, b) => a - b);
  return Math.round(sorted[Math.ceil(sorted.length * 0.99) - 1] ?? 0);
}

function optionsOf(args) {
  try {
    const text = (value) => ({ type: 'string', default: value });
    const { values } = parseArgs({
      args,
      options: {
        latency: text('50,500,5000'),
        expiries: text('20'),
        calls: text('1000'),
        processes: text('3'),
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    if (values.help) leave(0, process.stdout);
    const number = (value, most) => {
      const n = Number(value);
      if (!Number.isInteger(n) || n < 1 || n > most) throw new Error(`${value}: a whole number from 1 to ${most}`);
      return n;
    };
    return {
      latency: values.latency.split(',').map((ms) => number(ms, LIMITS.latency)),
      expiries: number(values.expiries, LIMITS.expiries),
      calls: number(values.calls, LIMITS.calls),
      processes: number(values.processes, LIMITS.processes),
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
