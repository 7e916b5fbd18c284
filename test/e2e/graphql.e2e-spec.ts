import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SHOP_SDL, type Shop, startShop } from '#builder/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Client } from '@modelcontextprotocol/client';
import { connect } from '../fixtures/mcp-clients.js';
import { type ComposerProcess, startComposer } from '../support/composer-process.js';

interface Result {
  readonly isError?: boolean;
  readonly content: readonly { readonly text: string }[];
  readonly structuredContent?: { readonly data?: unknown };
}

/** Every query of the service, with arguments that it takes, and what its answer holds. */
const QUERIES: readonly (readonly [string, Record<string, unknown>, unknown])[] = [
  ['user', { id: '1' }, { user: { name: 'Ada', role: 'ADMIN', orders: [{ total: 2.5 }] } }],
  ['user', { id: '9' }, { user: null }],
  ['userBy', { key: { name: 'Charles' } }, { userBy: { id: '2', boss: { name: 'Ada' } } }],
  ['users', { filter: { not: { name: 'a' }, roles: ['USER'] } }, { users: { edges: [{ node: { id: '2' } }] } }],
  ['users', {}, { users: { totalCount: 2, pageInfo: { hasNextPage: false } } }],
  ['search', { text: 'ab', kinds: ['USER'] }, { search: [{ __typename: 'User' }, { __typename: 'Order' }] }],
  ['node', { id: '7' }, { node: { __typename: 'Order', id: '7', total: 2.5 } }],
  ['now', {}, { now: '2026-11-26T12:00:00Z' }],
  ['roles', {}, { roles: ['ADMIN', 'USER'] }],
  ['echo', { _select: 'the argument', __select: 'name' }, { echo: { name: 'the argument' } }],
  ['order', {}, { order: { id: '7', buyer: { name: 'Ada' }, notes: ['soon', null] } }],
  ['partial', {}, { partial: { id: '7', notes: null } }],
];
const MUTATIONS: typeof QUERIES = [
  [
    'addUser',
    { user: { name: 'Grace', tags: [['a']], extra: { any: 1 } } },
    { addUser: { name: 'Grace', role: 'USER' } },
  ],
  ['order_mutation', { buyer: '1' }, { order: { total: 1.5 } }],
  ['forget', { id: '1' }, { forget: true }],
];
const NAMES = [...new Set([...QUERIES, ...MUTATIONS].map(([name]) => name)), 'broken'];

let composer: ComposerProcess;
let shop: Shop;
let folder: string;
beforeAll(async () => void (composer = await startComposer()), 60_000);
afterAll(() => composer.stop());
beforeEach(async () => {
  shop = await startShop();
  folder = await mkdtemp(join(tmpdir(), 'graphql-e2e-'));
});
afterEach(async () => {
  await composer.api('DELETE', '/api/v1/servers/shop');
  await shop.close();
  await rm(folder, { recursive: true });
});

function register(graphql: object, more: object = {}) {
  const auth = { auth_strategy: 'bearer', auth: { token: shop.token } };
  const config = { id: 'shop', type: 'graphql', graphql: { endpoint: shop.url, ...graphql }, ...auth, ...more };
  return composer.api('POST', '/api/v1/servers', config);
}

async function withClient<T>(use: (client: Client) => Promise<T>, era: 'legacy' | 'modern' = 'modern'): Promise<T> {
  const client = await connect(`${composer.url}/mcp`, era);
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}

const toolsOf = async (client: Client) =>
  (await client.listTools()).tools.filter(({ name }) => name.startsWith('shop_'));
const call = async (client: Client, name: string, args: Record<string, unknown> = {}) =>
  (await client.callTool({ name: `shop_${name}`, arguments: args })) as unknown as Result;

describe('a real GraphQL service', () => {
  it.each(['introspection', 'schema_filepath', 'schema'])(
    'has every field called, with its errors told as such: by %s',
    async (source) => {
      const file = join(folder, 'shop.graphql');
      await writeFile(file, SHOP_SDL);
      shop.tellsSchema = source === 'introspection';
      const given = source === 'introspection' ? {} : { [source]: source === 'schema' ? SHOP_SDL : file };
      const { status, body } = await register({ tools: ['query', 'fields'], ...given });
      expect({ status, problem: body._meta?.problem }).toEqual({ status: 201 });
      await withClient(
        async (client) => {
          const names = (await toolsOf(client)).map(({ name }) => name.slice('shop_'.length));
          expect(names.sort()).toEqual(['shop', ...NAMES].sort());
          for (const [name, args, data] of [...QUERIES, ...MUTATIONS]) {
            const result = await call(client, name, args);
            expect({ name, isError: result.isError, result }).toMatchObject({
              isError: undefined,
              result: { structuredContent: { data } },
            });
          }
          const broken = await call(client, 'broken');
          expect(broken).toMatchObject({
            isError: true,
            content: [{ text: expect.stringContaining('at broken, BROKEN') }],
          });
          const partial = await call(client, 'partial');
          expect(partial.content[0]?.text).toMatch(/^A part of the answer is missing\.[^]*at partial\.notes, NOTES/);
          const missing = await call(client, 'user', {});
          expect(missing).toMatchObject({
            isError: true,
            content: [{ text: expect.stringContaining('id: is missing') }],
          });
          const wrong = await call(client, 'search', { text: 'a', kinds: ['NOBODY'] });
          expect(wrong).toMatchObject({ isError: true, content: [{ text: expect.stringContaining('NOBODY') }] });
        },
        source === 'schema' ? 'legacy' : 'modern',
      );
    },
  );

  it('is asked for what the caller selects, and for no more than it may be', async () => {
    const { body } = await register({ tools: ['query', 'fields'], limits: { depth: 4, cost: 500 } });
    expect(body.graphql.limits).toEqual({ depth: 4, fields: 1_000, aliases: 50, cost: 500 });
    await withClient(async (client) => {
      const { structuredContent } = await call(client, 'user', { id: '1', _select: 'friends(first: 1) { name }' });
      expect(structuredContent).toEqual({ data: { user: { friends: [{ name: 'Ada' }] } } });
      // The health of the member is checked meanwhile.
      const sent = () => shop.asked.filter(({ query }) => !query.includes('__schema')).length;
      const before = sent();
      const refusals = [
        await call(client, 'user', { id: '1', _select: 'password' }),
        await call(client, 'user', { id: '1', _select: 'friends(first: 999) { id }' }),
        await call(client, 'shop', { query: '{ user(id: "1") { boss { boss { boss { id } } } } }' }),
      ].map(({ isError, content }) => ({ isError, text: content[0]?.text }));
      expect(refusals).toEqual([
        { isError: true, text: expect.stringContaining('Cannot query field "password" on type "User"') },
        { isError: true, text: expect.stringMatching(/its cost is 1001, and 500 is the limit/) },
        { isError: true, text: expect.stringMatching(/its depth is 5, and 4 is the limit/) },
      ]);
      expect(sent()).toBe(before);
    });
  });

  it('has tools that are hidden, described and allowed like those of others', async () => {
    await register(
      { tools: ['fields', 'operations'], operations: [{ name: 'clock', query: '{ now }', description: 'The time.' }] },
      {
        disabled_tools: ['shop_forget'],
        tools_description: { shop_user: 'Finds people.' },
        tool_auth: { now: { auth_strategy: 'bearer', auth: { token: 'another' } } },
      },
    );
    await withClient(async (client) => {
      const tools = new Map((await toolsOf(client)).map((tool) => [tool.name, tool]));
      expect({ forget: tools.has('shop_forget'), user: tools.get('shop_user')?.description }).toEqual({
        forget: false,
        user: 'Finds people.',
      });
      expect(tools.get('shop_user')?.annotations).toMatchObject({ readOnlyHint: true, destructiveHint: false });
      expect(tools.get('shop_addUser')?.annotations).toMatchObject({ readOnlyHint: false, destructiveHint: true });
      expect(tools.get('shop_clock')?.description).toBe('The time.');
      expect((await call(client, 'clock')).structuredContent).toEqual({ data: { now: '2026-11-26T12:00:00Z' } });
      const refused = await call(client, 'now');
      expect(refused).toMatchObject({ isError: true, content: [{ text: expect.stringContaining('who are you?') }] });
    });
  });

  it('that does not tell its schema is registered with what to do about it', async () => {
    shop.tellsSchema = false;
    const { status, body } = await register({ tools: ['fields'] });
    expect({ status, problem: body._meta?.problem }).toEqual({
      status: 201,
      problem: expect.stringMatching(/does not tell its schema .*graphql\.schema_filepath.*stored operations/),
    });
  });
});
