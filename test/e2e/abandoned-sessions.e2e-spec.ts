import type { Server } from 'node:http';
import { fileURLToPath } from 'node:url';
import { setTimeout as pause } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { ClientSessions, OpenExchanges } from '#gateway';
import { Clock } from '#kernel';
import type { INestApplication } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../fixtures/eventually.js';
import { type InProcessComposer, startInProcess } from '../fixtures/in-process-composer.js';
import { keyIn } from '../fixtures/in-process-key.js';
import { RunningChild } from '../support/child-process.js';

/** `npm run abandon:sessions` has 10,000. */
const SESSIONS = Number(process.env['ABANDONED_SESSIONS'] ?? 400);
/** Each may have a thousand streams. */
const TENANTS = Math.ceil(SESSIONS / 900);
const CLIENTS = fileURLToPath(new URL('../fixtures/listening-clients.mjs', import.meta.url));
/** What is made once, whoever comes: code that is compiled, and caches. */
const WARMING_UP = Math.min(SESSIONS, 400);
const DAY_MS = 24 * 3_600_000;
const PATIENCE_MS = 60_000 + SESSIONS * 20;

let composer: InProcessComposer;
let server: Server;
let sessions: ClientSessions;
let exchanges: OpenExchanges;
let keys: readonly string[];
const children: RunningChild[] = [];
const { now } = Clock.prototype;

beforeAll(async () => {
  setFlagsFromString('--expose-gc');
  const limits = ['TENANT', 'PRINCIPAL', 'CREDENTIAL'].map((of) => [`LIMIT_${of}_RPS`, '100000']);
  composer = await startInProcess({ COMPOSER_AUTH: 'required', ...Object.fromEntries(limits) });
  sessions = composer.app.get(ClientSessions, { strict: false });
  exchanges = composer.app.get(OpenExchanges, { strict: false });
  server = (composer.app as INestApplication).getHttpServer() as Server;
  // How long a connection may wait for another request is Node's affair, and not what is shown here.
  server.keepAliveTimeout = 1_000;
  keys = await Promise.all(Array.from({ length: TENANTS }, (_, at) => keyIn(composer.app, `t${at}`)));
}, 120_000);
afterEach(() => void (Clock.prototype.now = now));
afterAll(async () => {
  // One that is stopped takes no other signal.
  await Promise.all(children.map((child) => child.kill('SIGKILL')));
  await composer?.stop();
}, 60_000);

async function listen(count: number): Promise<RunningChild> {
  const before = exchanges.size;
  const args = [CLIENTS, `${composer.url}/mcp`, String(count), keys.join(',')] as const;
  const child = new RunningChild([process.execPath, ...args], { cwd: '/' });
  children.push(child);
  await child.waitFor('stdout', /^listening$/m, PATIENCE_MS);
  expect(exchanges.size - before).toBe(count);
  return child;
}

const connections = (): Promise<number> =>
  new Promise((resolve, reject) => server.getConnections((error, count) => (error ? reject(error) : resolve(count))));

const areClosed = () =>
  eventually(async () => expect([exchanges.size, await connections()]).toEqual([0, 0]), PATIENCE_MS);

const pass = (ms: number): void => {
  const before = Clock.prototype.now;
  Clock.prototype.now = () => before() + ms;
};

/** Of the JavaScript heap, and of what stands beside it. */
function used(): number {
  const collect = runInNewContext('gc') as () => void;
  for (let i = 0; i < 3; i++) collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Once it falls no more, or is as little as that: not everything is freed at once. */
async function settled(enough = 0): Promise<number> {
  const until = performance.now() + 120_000;
  let [least, unchanged] = [used(), 0];
  while (least > enough && unchanged < (enough ? 30 : 3) && performance.now() < until) {
    await pause(1_000);
    const now = used();
    unchanged = now < least * 0.995 ? 0 : unchanged + 1;
    least = Math.min(least, now);
  }
  return least;
}

describe('sessions with an open stream whose clients have gone', () => {
  it(
    'give back their sockets at once, or after their time, and what they held',
    async () => {
      await (await listen(WARMING_UP)).kill('SIGKILL');
      await areClosed();
      pass(DAY_MS);
      sessions.sweep();
      expect(sessions.size).toBe(0);
      const before = await settled();

      const half = Math.floor(SESSIONS / 2);
      const [killed, stopped] = [await listen(half), await listen(SESSIONS - half)];
      expect(sessions.size).toBe(SESSIONS);
      const held = used();
      const killedAt = performance.now();
      await killed.kill('SIGKILL');
      await eventually(() => expect(exchanges.size).toBe(SESSIONS - half), PATIENCE_MS);
      const killedMs = performance.now() - killedAt;

      // Its system takes whatever is sent to it: nothing tells it from one that listens.
      stopped.signal('SIGSTOP');
      pass(DAY_MS);
      const overAt = performance.now();
      await areClosed();
      const overMs = performance.now() - overAt;
      sessions.sweep();
      expect(sessions.size).toBe(0);
      const left = await settled(before * 1.04);
      const [more, rest] = [held - before, left - before].map((bytes) => (bytes / 2 ** 20).toFixed(1));
      process.stderr.write(
        `${SESSIONS} sessions with a stream: ${more} MiB more, ${rest} MiB of it left ` +
          `(${((left / before - 1) * 100).toFixed(1)} % of what there was); those of a killed process were closed within ` +
          `${Math.ceil(killedMs)} ms, those of a stopped one within ${Math.ceil(overMs)} ms after their time\n`,
      );
      expect(left).toBeLessThan(before * 1.05);
      expect(left - before).toBeLessThan((held - before) / 2);
    },
    120_000 + 4 * PATIENCE_MS,
  );
});
