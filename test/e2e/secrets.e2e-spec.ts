import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { PGlite } from '@electric-sql/pglite';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type CloudantServer, cloudantEnvironment, openCloudantServer } from '#persistence/testing';
import { Canaries } from '../fixtures/canaries.js';
import { CanaryLife } from '../fixtures/canary-life.js';
import { dumpOf } from '../fixtures/database-dump.js';
import { EchoingWorld } from '../fixtures/echoing-world.js';
import { eventually } from '../fixtures/eventually.js';
import { pingMember } from '../fixtures/openapi-member.js';
import { commandLine, hostedEnv } from '../fixtures/tenant-client.js';
import { openTwoRoles } from '../fixtures/two-roles.js';
import { type ComposerProcess, startComposer } from '../support/composer-process.js';
import { freePorts } from '../support/free-ports.js';

type Kind = 'embedded' | 'postgres' | 'cloudant';

/** A database of the composer, as whoever holds its disk or a backup sees it. */
interface Store {
  readonly env: Readonly<Record<string, string>>;
  /** How to reach and read it is secret too. */
  readonly own: readonly string[];
  dump(dataDir: string): Promise<string>;
  /** Lets nobody in; gives how to end that. Absent where the composer is its own database. */
  close?(): Promise<() => unknown>;
  remove(): Promise<unknown>;
}

const JOURNAL = 'unsettled-credentials';
const LONG = 240_000;
const SAMPLE = /-(well|i-word)$|^(basic-json|refresh-i-then)$/;
/** Those that are changed too, and of which everything is asked. */
const WHOLE = /-(well|i-word|mcp)$/;

describe.each<Kind>(['embedded', 'postgres', 'cloudant'])('secrets of every kind, on the %s database', (kind) => {
  const canaries = new Canaries();
  let store: Store;
  let world: EchoingWorld;
  let composer: ComposerProcess;
  let life: CanaryLife;
  let dataDir: string;
  /** What stood on disk while the database was away. */
  const journal: Record<string, Buffer> = {};

  beforeAll(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'composer-secrets-'));
    [store, world] = await Promise.all([openStore(kind), EchoingWorld.open(canaries)]);
    const [port = 0] = await freePorts(1);
    const hosted = hostedEnv(store.env);
    const env = { ...hosted, COMPOSER_DATA_DIR: dataDir, PORT: String(port), LOG_LEVEL: 'debug' };
    for (const secret of [...store.own, hosted['COMPOSER_KEYS']!.split(':')[1]!]) {
      canaries.note('secret of the operator', secret);
      canaries.prove('secret of the operator');
    }
    const { key } = await commandLine(env, 'key', 'create', '--tenant', 'default', '--role', 'admin');
    composer = await startComposer({ env, dataDir });
    life = new CanaryLife(canaries, world, composer, key);
    await liveThroughIt();
  }, LONG);

  afterAll(async () => {
    await Promise.all([composer?.stop(), world?.close()]);
    await store?.remove();
    rmSync(dataDir, { recursive: true, force: true });
  }, 60_000);

  async function liveThroughIt(): Promise<void> {
    // All that can go wrong on one database; on the others, which know nothing of it, what they store.
    const isWhole = kind === 'embedded';
    const queue = life.members.filter(({ id }) => isWhole || SAMPLE.test(id));
    const worker = async () => {
      for (let next = queue.shift(); next; next = queue.shift())
        await life.useMember(next, isWhole ? WHOLE : /^(bearer|client)-well$/);
    };
    await Promise.all([1, 2, 3, 4].map(worker));
    await life.connect();
    await life.signIn();
    if (store.close) await loseTheDatabase(store.close);
    await life.trustIssuers();
    await life.look();
    for (const id of ['consent', 'client-well', 'iam-well', 'session-well']) await life.remove(id);
    await life.look();
  }

  /** What an issuer gives while the database is away waits on disk. */
  async function loseTheDatabase(close: NonNullable<Store['close']>): Promise<void> {
    const auth = { token_url: `${world.issuer('held', 'journal')}/token`, apikey: canaries.make('IAM API key') };
    const block = { auth_strategy: 'dynamic_bearer', auth };
    await life.api('POST', '/servers', pingMember('journal', world.member('once', 'journal'), block));
    const asked = () => world.requests.filter(({ url }) => url.includes('/held/')).length;
    const before = asked();
    let given!: () => void;
    world.gate = new Promise<void>((resolve) => (given = resolve));
    const call = life.tool('journal_ping');
    await eventually(() => expect(asked()).toBeGreaterThan(before));
    const open = await close();
    given();
    await eventually(() => expect(journalFiles()).not.toEqual({}));
    Object.assign(journal, journalFiles());
    await call;
    await open();
    await eventually(() => expect(journalFiles()).toEqual({}), 30_000);
  }

  const journalFiles = () => (existsSync(join(dataDir, JOURNAL)) ? filesOf(join(dataDir, JOURNAL)) : {});

  it('have all been used, so that there is something to find', () => {
    const seen = world.seen();
    expect(canaries.unproven(seen)).toEqual([]);
    expect(canaries.kinds().length).toBeGreaterThanOrEqual(35);
  });

  it('stand in no answer', () => {
    expect(life.answers.length).toBeGreaterThan(400);
    expect(canaries.found({ answers: life.answers.join('\n') })).toEqual([]);
  });

  it('stand in nothing that the process wrote, at level debug', () => {
    expect(composer.stderr()).toContain('"level":"debug"');
    expect(canaries.found({ stdout: composer.stdout(), stderr: composer.stderr() })).toEqual([]);
  });

  it('stand in no file of the data directory, running or stopped', async () => {
    expect(canaries.found(filesOf(dataDir))).toEqual([]);
    await composer.kill('SIGKILL');
    expect(canaries.found(filesOf(dataDir))).toEqual([]);
    expect(canaries.found(journal)).toEqual([]);
    if (store.close) expect(Object.keys(journal)).toHaveLength(1);
  });

  it('stand in no row or document, as a dump shows them', async () => {
    const dump = await store.dump(dataDir);
    // What is no secret is found, so the search does look where everything is kept.
    const known = ['apikey-well', 'credential.connected', 'credential.refused', 'consent-renewed'];
    expect(known.filter((one) => !dump.includes(one))).toEqual([]);
    expect(canaries.found({ dump })).toEqual([]);
  });
});

async function openStore(kind: Kind): Promise<Store> {
  if (kind === 'embedded') return { env: {}, own: [], dump: dumpOfEmbedded, remove: async () => undefined };
  if (kind === 'postgres') {
    const database = await openTwoRoles();
    return { ...database, own: [] };
  }
  const server: CloudantServer = await openCloudantServer();
  const config = server.database('iam');
  const { authentication } = config;
  return {
    env: cloudantEnvironment(config),
    own: authentication.type === 'iam' ? [authentication.apikey] : [],
    dump: async () => (await server.raw(config.database)).map(readable).join('\n'),
    close: async () => server.front.faults.inject({ fault: { kind: 'answer', status: 503 } }),
    remove: () => server.close(),
  };
}

/** Of a copy: whoever opens it writes to it. */
async function dumpOfEmbedded(dataDir: string): Promise<string> {
  const copy = mkdtempSync(join(tmpdir(), 'composer-dump-'));
  cpSync(join(dataDir, 'database'), copy, { recursive: true });
  const database = await PGlite.create({ dataDir: copy });
  try {
    return await dumpOf(async (sql) => (await database.query<Record<string, unknown>>(sql)).rows);
  } finally {
    await database.close();
    rmSync(copy, { recursive: true, force: true });
  }
}

/** A document as text, with what is compressed in it. */
function readable(document: Record<string, unknown>): string {
  const { z, _attachments: attachments = {} } = document as {
    z?: string;
    _attachments?: Record<string, { data: string }>;
  };
  const parts = Object.values(attachments).map(({ data }) => Buffer.from(data, 'base64'));
  const packed = z === undefined ? Buffer.concat(parts) : Buffer.from(z, 'base64');
  return JSON.stringify(document) + (packed.length > 0 ? gunzipSync(packed).toString() : '');
}

/** All files below a directory, byte for byte. */
function filesOf(directory: string): Record<string, Buffer> {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    entries.map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return [path, readFileSync(path)];
    }),
  );
}
