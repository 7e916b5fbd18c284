// `npm run bench:refresh`: many calls at once while a credential has expired, over several processes on one Postgres,
// against an issuer that rotates refresh tokens and revokes a grant whose token it sees twice. One token request per
// expiry and none besides, no call fails or gets a token that the issuer does not take, no grant is revoked, or the exit
// code is 1.
import { parseArgs } from 'node:util';
import { setTimeout as pause } from 'node:timers/promises';
import { startComposers, startKeepers } from './refresh/bench-sides.mjs';
import { startIssuer } from './refresh/issuer.mjs';
import { openGround } from './refresh/workers.mjs';

const USAGE = `usage: npm run bench:refresh [-- <options>]

  --latency <ms,…>     how long the issuer takes to answer (50,500,5000)
  --expiries <n>       how often the credential expires at each latency (20)
  --calls <n>          calls at once, over all processes (1000; with --composers 600)
  --processes <n>      processes that share the database (3)
  --composers          tool calls to whole composers, each of which lets 200 calls of a member run at a time;
                       without it the calls ask the keeper of credentials alone
  --json               one line for programs

Uses the Postgres that TEST_DATABASE_URL names, as a superuser, or starts one.
`;
const LIMITS = { expiries: 1_000, calls: 100_000, processes: 16, latency: 9_000 };

const options = optionsOf(process.argv.slice(2));
const ground = await openGround();
const issuer = await startIssuer();
process.exitCode = 1;
let side;
try {
  side = await (options.composers ? startComposers : startKeepers)(ground, issuer, options.processes);
  const rows = [];
  for (const latency of options.latency) rows.push(await measure(latency));
  report(rows);
  if (rows.every(isRight)) process.exitCode = 0;
} finally {
  await side?.stop();
  await issuer.stop();
  await ground.close();
}

async function measure(latency) {
  const name = `latency-${latency}`;
  const { grant, tokens } = issuer.grant(name);
  issuer.settings.latencyMs = latency;
  await side.begin(name, tokens);
  const row = { latency, expiries: 0, requests: 0, calls: 0, failed: 0, revoked: 0, times: [], errors: new Set() };
  const atFirst = issuer.seen.requests;
  for (let expiry = 1; expiry <= options.expiries; expiry++) {
    await pause(issuer.settings.expiresIn * 1000 + 100);
    const before = issuer.seen.requests;
    const outcomes = await Promise.all(side.processes.map((_, at) => side.calls(at, name, shareOf(at))));
    if (issuer.seen.requests - before === 1 && isOneGoodToken(outcomes)) row.expiries += 1;
    for (const { ms, errors } of outcomes) {
      row.calls += ms.length;
      row.failed += errors.length;
      row.times.push(...ms);
      for (const error of errors) row.errors.add(error);
    }
  }
  row.requests = issuer.seen.requests - atFirst;
  row.revoked = grant.isRevoked ? 1 : 0;
  return row;
}

/** All calls of a round got the same one. Where composers make the calls, their member looks at what they bring. */
function isOneGoodToken(outcomes) {
  if (options.composers) return true;
  const [token, ...others] = new Set(outcomes.flatMap(({ tokens }) => tokens));
  return token !== undefined && others.length === 0 && issuer.takes(`Bearer ${token}`);
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
  process.stdout.write(
    `${options.calls} calls at once over ${options.processes} ${options.composers ? 'composers' : 'processes'}\n`,
  );
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
        calls: { type: 'string' },
        processes: text('3'),
        composers: { type: 'boolean', default: false },
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
      calls: number(values.calls ?? (values.composers ? '600' : '1000'), LIMITS.calls),
      processes: number(values.processes, LIMITS.processes),
      composers: values.composers,
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
