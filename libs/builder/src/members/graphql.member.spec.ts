import 'reflect-metadata';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { principalId, serverId, tenantId } from '#kernel';
import { SYSTEM } from '#tenancy';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { clientOf } from '../../testing/client-of.js';
import { type OpenPool, openPool } from '../../testing/open-pool.js';
import { RecordingReply } from '../../testing/recording-reply.js';
import { SHOP_SDL } from '../../testing/shop-schema.js';
import { type Shop, startShop } from '../../testing/shop.js';
import { parseMessage } from '../json-rpc/json-rpc-message.js';

const BY = { by: SYSTEM };
const acme = tenantId('acme');
const ref = { tenantId: acme, serverId: serverId('shop') };
const QUERIES = ['user', 'userBy', 'users', 'search', 'node', 'now', 'roles', 'echo', 'broken', 'partial', 'order'];
const FIELDS = [...QUERIES, 'addUser', 'order_mutation', 'forget'];
const STORED = 'query Clock { now }';

/** What a checked configuration has beside what it was given. */
const checked = (graphql: object) => ({
  graphql: {
    endpoint: shop.url,
    operations: [],
    limits: { depth: 15, fields: 1_000, aliases: 50, cost: 100_000 },
    ...graphql,
  },
});

let shop: Shop;
let opened: OpenPool;
let folder: string;
beforeEach(async () => {
  shop = await startShop();
  opened = await openPool();
  folder = await mkdtemp(join(tmpdir(), 'graphql-member-'));
});
afterEach(async () => {
  await opened.close();
  await shop.close();
  await rm(folder, { recursive: true });
});

const configOf = (graphql: object) => ({
  id: 'shop',
  type: 'graphql',
  graphql: { endpoint: shop.url, ...graphql },
  auth_strategy: 'bearer',
  auth: { token: shop.token },
  health_check: { enabled: false },
});
const register = (graphql: object) => opened.registry.register(acme, configOf(graphql), { ...BY, mayReadFiles: true });
const slot = ({ pool }: OpenPool = opened) => pool.find(ref)!;
const namesOf = (of: OpenPool = opened) =>
  slot(of).offer.tools.map((tool) => (JSON.parse(tool) as { name: string }).name);
const introspections = () => shop.asked.filter(({ query }) => query.includes('__schema'));

async function call(target: string, args: object = {}, of: OpenPool = opened): Promise<string> {
  const params = { name: `shop_${target}`, arguments: args };
  const message = parseMessage(Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params })));
  const reply = new RecordingReply();
  const asked = { method: 'tools/call', target, message, client: clientOf('legacy'), headers: {} } as const;
  slot(of).member!.request({ ...asked, principalId: principalId('ann') }, reply);
  const { failure, result } = await reply.answered;
  return failure ?? (result?.content?.[0] as { text: string }).text;
}

describe('a GraphQL member', () => {
  it('offers its one tool and asks nothing, unless more is wanted', async () => {
    await register({});
    expect({ names: namesOf(), asked: introspections() }).toEqual({ names: ['shop'], asked: [] });
    expect(await call('shop', { query: '{ now }' })).toBe('{"data":{"now":"2026-11-26T12:00:00Z"}}');
    expect(await call('shop', { query: '{ user { id } }' })).toMatch(
      /HTTP error 400[^]*"id" of type "ID!" is required/,
    );
  });

  it('offers a tool for each field of the schema that the service tells', async () => {
    await register({ tools: ['query', 'fields'] });
    expect(namesOf()).toEqual(['shop', ...FIELDS]);
    expect(await call('user', { id: '1' })).toContain('"name":"Ada"');
    expect(await call('addUser', { user: { name: 'Grace' }, _select: 'name role' })).toBe(
      '{"data":{"addUser":{"name":"Grace","role":"USER"}}}',
    );
  });

  it('offers stored operations, which are checked against that schema', async () => {
    const { problem } = await register({ operations: [STORED, 'query Wrong { nowhere }'] });
    expect(problem).toMatch(/graphql\.operations\.1: Cannot query field "nowhere"/);
    expect(namesOf()).toEqual(['shop', 'Clock']);
    expect(await call('Clock')).toContain('2026-11-26');
    await opened.pool.check(slot());
    expect(slot().outcome).toBe('ok');
  });

  it('is refused with stored operations that are none, or do not fit the schema that it is given', async () => {
    await expect(register({ operations: ['query A {'] })).rejects.toMatchObject({
      code: 'COMPOSER_GRAPHQL_INVALID_OPERATIONS',
      faults: [{ path: 'graphql.operations.0' }],
    });
    await expect(register({ operations: ['query A { b }'], schema: SHOP_SDL })).rejects.toThrow(
      /Cannot query field "b"/,
    );
    await expect(register({ tools: ['fields'], schema: 'type A' })).rejects.toMatchObject({
      code: 'COMPOSER_GRAPHQL_INVALID_SCHEMA',
    });
  });

  it('says what to do where the service does not tell its schema, and offers what needs none', async () => {
    shop.tellsSchema = false;
    const { problem } = await register({ tools: ['query', 'fields', 'operations'], operations: [STORED] });
    expect(problem).toMatch(/does not tell its schema \(".*introspection.*graphql\.schema_filepath, or offer stored/);
    expect(namesOf()).toEqual(['shop', 'Clock']);
    await opened.registry.update(ref, configOf({ tools: ['operations'], operations: [STORED] }), {
      ...BY,
      mode: 'replace',
    });
    expect({ outcome: slot().outcome, names: namesOf() }).toEqual({ outcome: 'ok', names: ['Clock'] });
  });

  it.each(['schema', 'schema_filepath'])('needs no introspection where %s is given', async (setting) => {
    shop.tellsSchema = false;
    const file = join(folder, 'shop.graphql');
    await writeFile(file, SHOP_SDL);
    await register({ tools: ['fields'], [setting]: setting === 'schema' ? SHOP_SDL : file });
    expect({ names: namesOf(), asked: introspections(), outcome: slot().outcome }).toEqual({
      names: FIELDS,
      asked: [],
      outcome: 'ok',
    });
    expect(await call('roles')).toBe('{"data":{"roles":["ADMIN","USER"]}}');
  });

  it('is refused with a file of another kind, of which nothing is told', async () => {
    const file = join(folder, 'passwd');
    await writeFile(file, 'root:x:0:0');
    await expect(register({ tools: ['fields'], schema_filepath: file })).rejects.toMatchObject({
      faults: [{ message: 'the schema cannot be used: it is no GraphQL (line 1, column 1)' }],
    });
  });

  it('is refused with a file that cannot be read', async () => {
    await expect(register({ tools: ['fields'], schema_filepath: join(folder, 'none') })).rejects.toThrow(
      'graphql.schema_filepath could not be read (ENOENT)',
    );
  });

  it('follows the schema of the service, and tells who listens', async () => {
    await register({ tools: ['fields'] });
    const told: unknown[] = [];
    opened.pool.onChange((tenant, lists) => void told.push([tenant, [...lists]]));
    await opened.pool.check(slot());
    expect(told).toEqual([]);
    shop.serve('type Query { now: String later: String }');
    await opened.pool.check(slot());
    expect({ names: namesOf(), told }).toEqual({ names: ['now', 'later'], told: [['acme', ['tools']]] });
    expect(await call('user', { id: '1' })).toMatch(/this tool is gone/);
  });

  it('keeps its tools while the service is away or tells its schema no more', async () => {
    await register({ tools: ['fields'] });
    shop.tellsSchema = false;
    await opened.pool.check(slot());
    expect(slot().problem).toContain('does not tell its schema');
    await shop.close();
    await opened.pool.check(slot());
    expect({ names: namesOf(), outcome: slot().outcome }).toEqual({ names: FIELDS, outcome: 'unreachable' });
  });

  it('serves what it offered before in another process, without asking', async () => {
    await register({ tools: ['query', 'fields'], operations: [], limits: { depth: 2 } });
    const before = shop.asked.length;
    const again = opened.again();
    await again.pool.load(acme);
    expect({ names: namesOf(again), asked: shop.asked.length }).toEqual({ names: ['shop', ...FIELDS], asked: before });
    expect(await call('user', { id: '2', _select: 'boss { name }' }, again)).toMatch(
      /its depth is 3, and 2 is the limit/,
    );
    expect(await call('user', { id: '2', _select: 'name' }, again)).toContain('Charles');
    await again.pool.check(slot(again));
    expect(namesOf(again)).toEqual(['shop', ...FIELDS]);
    await again.close();
  });

  it('asks in the words that an older service knows', async () => {
    shop.knowsOneOf = false;
    await register({ tools: ['fields'] });
    expect(introspections().map(({ query }) => query.includes('isOneOf'))).toEqual([true, false]);
    expect({ names: namesOf(), outcome: slot().outcome }).toEqual({ names: FIELDS, outcome: 'ok' });
  });

  it('is previewed without asking, as far as its configuration tells', async () => {
    const preview = (graphql: object) =>
      opened.previews.of({ ref, version: 1, config: { ...configOf(graphql), ...checked(graphql) } as never });
    expect(await preview({ tools: ['fields'] })).toBeUndefined();
    const given = { tools: ['query', 'fields', 'operations'], operations: [STORED], schema: SHOP_SDL };
    const seen = await preview(given);
    expect(seen?.operations.slice(0, 3)).toEqual([
      { operation: 'any operation', kind: 'tool', own: 'shop' },
      { operation: 'stored Clock', kind: 'tool', own: 'Clock' },
      { operation: 'query user', kind: 'tool', own: 'user' },
    ]);
    expect(seen?.operations.at(-1)).toMatchObject({ operation: 'Subscription.added', kind: 'skipped' });
    expect({ tools: seen?.offer.tools.length, former: seen?.former.size, asked: shop.asked }).toEqual({
      tools: 2 + FIELDS.length,
      former: 0,
      asked: [],
    });
    await expect(preview({ operations: ['query A { b }'], schema: SHOP_SDL })).rejects.toThrow(/Cannot query field/);
  });

  it('is told apart from what is no GraphQL, and from a credential that is refused', async () => {
    const { problem } = await opened.registry.register(
      acme,
      { ...configOf({ tools: ['fields'] }), auth: { token: 'no' } },
      BY,
    );
    expect(problem).toMatch(/refused the credential with HTTP 401/);
    expect({ outcome: slot().outcome, names: namesOf() }).toEqual({ outcome: 'auth_required', names: [] });
  });
});
