import { fork } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { startRealPostgres } from '../../test/support/real-postgres.mjs';

/*
 * Real processes that renew credentials of one issuer on one Postgres, for the bench, the chaos and their tests.
 */

const WORKER = fileURLToPath(new URL('worker.mjs', import.meta.url));
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const START_MS = 60_000;
const ANSWER_MS = 120_000;
const END_MS = 30_000;

/** A database of its own, on `TEST_DATABASE_URL` or on a server that is started for it. */
export async function openGround({ serverUrl = process.env.TEST_DATABASE_URL } = {}) {
  const server = serverUrl ? undefined : await startRealPostgres();
  const superuser = serverUrl ?? server.url;
  const name = `mcpc_refresh_${randomBytes(6).toString('hex')}`;
  const scratch = mkdtempSync(join(tmpdir(), 'mcpc-refresh-'));
  await asSuperuser(superuser, (admin) => admin.query(`CREATE DATABASE ${name}`));
  const url = new URL(superuser);
  url.pathname = `/${name}`;
  const env = {
    DATABASE_TYPE: 'postgres',
    DATABASE_URL: url.href,
    COMPOSER_KEYS: `k1:${createHash('sha256').update(randomBytes(32)).digest('base64')}`,
    LOG_LEVEL: 'error',
    LOG_FORMAT: 'json',
  };
  return {
    env,
    scratch,
    async tenant(slug) {
      return asSuperuser(url.href, async (admin) => {
        const { rows } = await admin.query(
          `INSERT INTO tenants (id, slug, name) VALUES (gen_random_uuid(), $1, $1) RETURNING id`,
          [slug],
        );
        return rows[0].id;
      });
    },
    query: (sql, values) => asSuperuser(url.href, async (admin) => (await admin.query(sql, values)).rows),
    async close() {
      rmSync(scratch, { recursive: true, force: true });
      await asSuperuser(superuser, (admin) => admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)).catch(
        () => undefined,
      );
      await server?.stop();
    },
  };
}

let count = 0;
const living = new Set();
process.on('exit', () => living.forEach((child) => child.kill('SIGKILL')));

/** Starts a process that renews credentials of `issuer`. It is ready when this resolves. */
export async function startWorker(ground, issuer, { dataDir } = {}) {
  const name = `worker-${++count}`;
  const child = fork(WORKER, {
    cwd: ROOT,
    env: {
      PATH: process.env.PATH,
      ...ground.env,
      COMPOSER_DATA_DIR: dataDir ?? join(ground.scratch, name),
      ISSUER_URL: issuer.url,
      WORKER_NAME: name,
    },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  living.add(child);
  const worker = new Worker(name, child);
  await worker.ready();
  return worker;
}

class Worker {
  #child;
  #waiting = new Map();
  #count = 0;
  #log = '';
  #isOver = false;

  constructor(name, child) {
    this.name = name;
    this.#child = child;
    this.ended = new Promise((resolve) => child.once('close', resolve));
    child.stderr.on('data', (chunk) => (this.#log = (this.#log + chunk).slice(-20_000)));
    child.on('message', (message) => this.#take(message));
    void this.ended.then(() => {
      living.delete(child);
      this.#isOver = true;
      for (const { reject } of this.#waiting.values()) reject(new Error(`${name} has ended: ${this.#log}`));
      this.#waiting.clear();
    });
  }

  get isOver() {
    return this.#isOver;
  }

  get pid() {
    return this.#child.pid;
  }

  /** The end of its log. */
  get log() {
    return this.#log;
  }

  async ready() {
    await this.#await('ready', START_MS);
  }

  /** Has it do something; rejects with the code of the error, and when it dies meanwhile. */
  async ask(deed, input) {
    const id = ++this.#count;
    const answer = this.#await(id, ANSWER_MS);
    if (!this.#isOver) this.#child.send({ id, deed, input }, () => undefined);
    return answer;
  }

  signal(signal) {
    this.#child.kill(signal);
  }

  async kill(signal = 'SIGKILL') {
    this.signal(signal);
    const late = setTimeout(() => this.signal('SIGKILL'), END_MS);
    await this.ended;
    clearTimeout(late);
  }

  #await(id, withinMs) {
    if (this.#isOver) return Promise.reject(new Error(`${this.name} has ended: ${this.#log}`));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#settle(id, 'reject', new Error(`${this.name} did not answer`)), withinMs);
      const done = (settle) => (value) => {
        clearTimeout(timer);
        settle(value);
      };
      this.#waiting.set(id, { resolve: done(resolve), reject: done(reject) });
    });
  }

  #take({ ready, id, result, error }) {
    if (ready) this.#settle('ready', 'resolve', undefined);
    else if (error !== undefined) this.#settle(id, 'reject', new Error(error));
    else this.#settle(id, 'resolve', result);
  }

  #settle(id, how, value) {
    this.#waiting.get(id)?.[how](value);
    this.#waiting.delete(id);
  }
}

async function asSuperuser(url, work) {
  const admin = new pg.Client({ connectionString: url });
  admin.on('error', () => undefined);
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.end();
  }
}
