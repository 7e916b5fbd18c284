import { randomBytes } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type DrivenClient, type Flavour, type Target, driveClient } from '../fixtures/everything-clients.js';
import { FEATURES, type Outcome, RESEARCH, asModern, outcomeOf } from '../fixtures/everything-features.js';
import { type TwoRoles, openTwoRoles } from '../fixtures/two-roles.js';
import { RunningChild } from '../support/child-process.js';
import { type ComposerProcess, startComposer } from '../support/composer-process.js';
import { freePorts } from '../support/free-ports.js';

const NODE = realpathSync(process.execPath);
const ENTRY = createRequire(import.meta.url).resolve('@modelcontextprotocol/server-everything/dist/index.js');
const CLI = fileURLToPath(new URL('../../dist/apps/composer/src/cli.js', import.meta.url));
const KINDS = ['http', 'sse', 'stdio'] as const;
type Kind = (typeof KINDS)[number];

/** Each way of a client through the composer. */
const WAYS: readonly (readonly [Flavour, 'http' | 'stdio'])[] = [
  ['v1', 'http'],
  ['v2', 'http'],
  ['v2 modern', 'http'],
  ['v1', 'stdio'],
  ['v2', 'stdio'],
  ['v2 modern', 'stdio'],
];

const cells = KINDS.flatMap((kind) =>
  WAYS.flatMap(([flavour, front]) =>
    FEATURES.filter(({ notModern }) => flavour !== 'v2 modern' || notModern === undefined).map(
      ({ name }) => ({ kind, flavour, front, name }) as const,
    ),
  ),
);

describe('server-everything through the composer', () => {
  let database: TwoRoles;
  let composer: ComposerProcess;
  let env: Record<string, string>;
  let servers: readonly RunningChild[];
  let targets: Record<Kind, Target>;
  const clients: DrivenClient[] = [];
  /** By kind of member, client, way and feature. */
  const outcomes = new Map<string, Outcome>();
  const keyOf = (...parts: readonly string[]) => parts.join(' | ');

  beforeAll(async () => {
    const [http = 0, sse = 0] = await freePorts(2);
    database = await openTwoRoles();
    env = { ...database.env, COMPOSER_KEYS: `test:${randomBytes(32).toString('base64')}`, STDIO_ALLOWLIST: NODE };
    servers = [serve('streamableHttp', http), serve('sse', sse)];
    [composer] = await Promise.all([
      startComposer({ env }),
      ...servers.map((server) => server.waitFor('output', /listening on|running on/)),
    ]);
    targets = {
      http: { kind: 'http', url: `http://127.0.0.1:${http}/mcp` },
      sse: { kind: 'sse', url: `http://127.0.0.1:${sse}/sse` },
      stdio: { kind: 'stdio', command: NODE, args: [ENTRY, 'stdio'], env: {} },
    };
    for (const kind of KINDS) {
      const place = kind === 'stdio' ? { command: NODE, args: [ENTRY, 'stdio'] } : { endpoint: urlOf(targets[kind]) };
      const { status, body } = await composer.api('POST', '/api/v1/servers', { id: kind, type: kind, ...place });
      expect({ status, problem: body.problem }).toEqual({ status: 201, problem: undefined });
    }
    await Promise.all(KINDS.map(runAll));
  }, 240_000);
  afterAll(async () => {
    await Promise.all(clients.map(({ client }) => client.close().catch(() => undefined)));
    await composer?.stop();
    await Promise.all((servers ?? []).map((server) => server.kill('SIGKILL')));
    await database?.remove();
  }, 60_000);

  /** What one member does, directly and through the composer: one after the other, because it remembers things. */
  async function runAll(kind: Kind): Promise<void> {
    for (const flavour of ['v1', 'v2'] as const) await run(targets[kind], flavour, [kind, flavour, 'direct']);
    for (const [flavour, front] of WAYS) await run(through(front, kind), flavour, [kind, flavour, front]);
  }

  async function run(target: Target, flavour: Flavour, names: readonly string[]): Promise<void> {
    const driven = await driveClient(flavour, target);
    clients.push(driven);
    for (const feature of FEATURES) {
      if (driven.isModern && feature.notModern !== undefined) continue;
      const mark = names.join('-').replaceAll(' ', '-');
      outcomes.set(keyOf(...names, feature.name), await outcomeOf(feature, driven, mark));
    }
    await driven.client.close();
  }

  /** The address of one member, where its names are its own. */
  function through(front: 'http' | 'stdio', kind: Kind): Target {
    if (front === 'http') return { kind: 'http', url: `${composer.mcpUrl}/${kind}` };
    return { kind: 'stdio', command: NODE, args: [CLI, 'stdio', '--server', kind], env: { ...env, PORT: '0' } };
  }

  function serve(transport: string, port: number): RunningChild {
    return new RunningChild([NODE, ENTRY, transport], { cwd: '/', env: { PORT: String(port) } });
  }

  it.each(cells)('over $kind, to $flavour over $front: $name', ({ kind, flavour, front, name }) => {
    const direct = outcomes.get(keyOf(kind, flavour === 'v1' ? 'v1' : 'v2', 'direct', name));
    expect(direct).toBeDefined();
    const compared = flavour === 'v2 modern' ? asModern : (outcome: unknown) => outcome;
    expect(compared(outcomes.get(keyOf(kind, flavour, front, name)))).toEqual(compared(direct));
  });

  it.each(KINDS)('over %s, makes no task of revision 2025-11-25 of a call', async (kind) => {
    const [direct, composed] = await Promise.all([
      driveClient('v1', targets[kind]),
      driveClient('v1', through('http', kind)),
    ]);
    clients.push(direct, composed);
    const asTask = ({ ask }: DrivenClient) =>
      ask('tools/call', { name: RESEARCH, arguments: { topic: 'tasks' }, task: { ttl: 60_000 } });
    expect(direct.client.getServerCapabilities()).toHaveProperty('tasks');
    expect(await asTask(direct)).toMatchObject({ task: { status: 'working' } });
    expect(composed.client.getServerCapabilities()).not.toHaveProperty('tasks');
    expect(JSON.stringify(await asTask(composed))).toContain('requires task augmentation');
  });
});

const urlOf = (target: Target): string => ('url' in target ? target.url : '');
