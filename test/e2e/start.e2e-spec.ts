import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { type AddressInfo, type Server, type Socket, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { connect as connectClient } from '../fixtures/mcp-clients.js';
import { type CheckoutCopy, copyCheckout } from '../support/checkout-copy.js';
import { type Ended, RunningChild } from '../support/child-process.js';
import { runComposer, startComposer } from '../support/composer-process.js';

const READY = /^MCP Composer ready on (http:\/\/127\.0\.0\.1:\d+\/mcp)$/m;
const LONG = 120_000;
/** Code that asks its own process to stop once somebody listens to that, while the rest is still being loaded. */
const STOPS_ITSELF = `data:text/javascript,${encodeURIComponent(
  `process.on('newListener', (name) => name === 'SIGTERM' && setTimeout(() => process.kill(process.pid, name), 50))`,
)}`;
const SECRET = 'a-value-that-nobody-may-see';

describe('npm start', () => {
  let checkout: CheckoutCopy;
  beforeAll(() => void (checkout = copyCheckout({ isBuilt: false })));
  afterAll(() => checkout.remove());

  it(
    'builds what a clone lacks, serves, and builds nothing the second time',
    async () => {
      const first = await startAndStop(checkout.root);
      expect(first.stderr).toMatch(/^building…$/m);
      const second = await startAndStop(checkout.root);
      expect(second.stderr).not.toMatch(/^(building|installing)/m);
      expect(second.milliseconds).toBeLessThan(first.milliseconds / 2);
      for (const { stdout } of [first, second]) expect(stdout.trimEnd().split('\n').at(-1)).toMatch(READY);
      expect(readdirSync(checkout.root)).toContain('.data');
    },
    LONG,
  );
});

describe('a start', () => {
  it('prints the ready line, and nothing else, on stdout, and binds loopback', async () => {
    const composer = await startComposer();
    try {
      expect(composer.stdout()).toMatch(new RegExp(`${READY.source.replace('$', '')}\n$`));
      expect((await composer.api('GET', '/health/ready')).status).toBe(200);
    } finally {
      await composer.stop();
    }
  });
});

describe('a start that fails prints one line that names cause and remedy, and exits with 1, when', () => {
  let taken: Server;
  let dataDir: string;
  beforeAll(async () => {
    taken = createServer();
    await once(taken.listen(0, '127.0.0.1'), 'listening');
  });
  afterAll(() => void taken.close());
  beforeEach(() => void (dataDir = mkdtempSync(join(tmpdir(), 'composer-start-'))));
  afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

  it.each<{ what: string; env: Record<string, string>; says: RegExp }>([
    {
      what: 'variables are bad: all of them at once',
      env: { PORT: SECRET, LOG_LEVEL: SECRET, DATABASE_TYPE: SECRET },
      says: /PORT: must be a number.*LOG_LEVEL: .*DATABASE_TYPE: /,
    },
    {
      what: 'production has no keys',
      env: { COMPOSER_STAGE: 'production' },
      says: /COMPOSER_KEYS: is needed; set it to/,
    },
    {
      what: 'the keys are too short',
      env: { COMPOSER_STAGE: 'production', COMPOSER_KEYS: `k1:${SECRET}` },
      says: /COMPOSER_KEYS: .*; set it to/,
    },
    {
      what: 'the embedded database cannot be where it shall',
      env: { COMPOSER_DATA_DIR: '/dev/null/data' },
      says: /the embedded database in \/dev\/null\/data did not start: .*check free space and rights/,
    },
    {
      what: 'everybody on the network could come in',
      env: { HOST: '0.0.0.0', COMPOSER_AUTH: 'none' },
      says: /COMPOSER_AUTH: none is for development on a loopback HOST only; use required/,
    },
    {
      what: 'the host is not this machine',
      env: { HOST: '192.0.2.1' }, // RFC 5737: nobody's address
      says: /192\.0\.2\.1 is not an address of this machine; set HOST/,
    },
    {
      what: 'the database is away',
      env: { DATABASE_TYPE: 'postgres', DATABASE_URL: `postgres://composer:${SECRET}@127.0.0.1:1/composer` },
      says: /the database cannot be reached/,
    },
  ])(
    '$what',
    async ({ env, says }) => {
      const ended = await runComposer({ dataDir, env });
      expectFailure(ended, says);
      expect(ended.stderr).not.toContain(SECRET);
    },
    LONG,
  );

  it(
    'the port is taken',
    async () => {
      const { port } = taken.address() as AddressInfo;
      const ended = await runComposer({ dataDir, env: { PORT: String(port) } });
      expectFailure(ended, new RegExp(`port ${port} on 127\\.0\\.0\\.1 is taken; .*set PORT to another one`));
    },
    LONG,
  );

  it(
    'another composer has the data directory open, which it leaves in peace',
    async () => {
      const first = await startComposer({ dataDir });
      try {
        const ended = await runComposer({ dataDir });
        expectFailure(ended, new RegExp(`process ${first.pid} has the embedded database .*COMPOSER_DATA_DIR`));
        expect((await first.api('GET', '/health')).status).toBe(200);
      } finally {
        await first.stop();
      }
    },
    LONG,
  );

  it(
    'anything else is wrong: and leaves no file behind outside of its data directory',
    async () => {
      const temporary = mkdtempSync(join(tmpdir(), 'composer-start-'));
      try {
        await runComposer({ dataDir, env: { PORT: 'bad', TMPDIR: temporary } });
        await runComposer({ dataDir, env: { HOST: '192.0.2.1', TMPDIR: temporary } });
        expect(readdirSync(temporary)).toEqual([]);
        expect(readdirSync(dataDir)).not.toContain('database.lock');
      } finally {
        rmSync(temporary, { recursive: true, force: true });
      }
    },
    LONG,
  );
});

describe('a stop', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'by %s closes everything and exits with 0, with clients connected, even such that never asked anything',
    async (signal) => {
      const composer = await startComposer();
      const silent: Socket = connect(Number(new URL(composer.url).port), '127.0.0.1');
      await once(silent, 'connect');
      const clients = [await connectClient(composer.mcpUrl, 'legacy'), await connectClient(composer.mcpUrl, 'modern')];
      try {
        // A terminal and npm both pass on one Ctrl-C.
        process.kill(composer.pid, signal);
        expect(await composer.kill(signal)).toMatchObject({ code: 0, signal: null });
        expect(readdirSync(composer.dataDir)).not.toContain('database.lock');
        const again = await startComposer({ dataDir: composer.dataDir });
        await again.stop();
      } finally {
        silent.destroy();
        await Promise.allSettled(clients.map((client) => client.close()));
        await composer.stop();
      }
    },
    LONG,
  );

  it(
    'during the start exits with 0, says nothing, and leaves a data directory that works',
    async () => {
      const dataDir = mkdtempSync(join(tmpdir(), 'composer-start-'));
      try {
        const ended = await runComposer({ dataDir, args: ['--import', STOPS_ITSELF] });
        expect(ended).toMatchObject({ code: 0, signal: null, stdout: '', stderr: '' });
        expect(readdirSync(dataDir)).not.toContain('database.lock');
        await (await startComposer({ dataDir })).stop();
      } finally {
        rmSync(dataDir, { recursive: true, force: true });
      }
    },
    LONG,
  );
});

function expectFailure({ code, stdout, stderr }: Ended, says: RegExp): void {
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(/^mcp-composer cannot start: .+\n$/);
  expect(stderr).toMatch(says);
}

async function startAndStop(cwd: string): Promise<{ stdout: string; stderr: string; milliseconds: number }> {
  const started = performance.now();
  const npm = new RunningChild(['npm', 'start'], { cwd, env: { PORT: '0' }, isGroup: true });
  try {
    await npm.waitFor('stdout', READY, LONG);
    return { stdout: npm.stdout, stderr: npm.stderr, milliseconds: performance.now() - started };
  } finally {
    await npm.kill('SIGTERM');
  }
}
