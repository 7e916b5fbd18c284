import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Client } from '@modelcontextprotocol/client';
import { eventually } from '../fixtures/eventually.js';
import { connect, connectV1, modern, openSession, send } from '../fixtures/mcp-clients.js';
import {
  type McpMember,
  startEverythingServer,
  startLegacyMember,
  startModernMember,
} from '../fixtures/mcp-members.js';
import { type ComposerProcess, startComposer } from '../support/composer-process.js';

describe('prompts, resources and completion', () => {
  let composer: ComposerProcess;
  let everything: Awaited<ReturnType<typeof startEverythingServer>>;
  let old: McpMember;
  let young: McpMember;
  const clients: { close(): Promise<void> }[] = [];

  beforeAll(async () => {
    [composer, everything, old, young] = await Promise.all([
      startComposer({ env: { TOOLS_PAGE_SIZE: '3' } }),
      startEverythingServer(),
      startLegacyMember({ hasNotes: true, instructions: 'Old notes.' }),
      startModernMember({ hasNotes: true, instructions: 'Young notes.' }),
    ]);
    for (const [id, { url }] of Object.entries({ everything, old, young })) {
      const { status, body } = await composer.api('POST', '/api/v1/servers', { id, type: 'http', endpoint: url });
      expect({ status, problem: body?._meta?.problem }).toEqual({ status: 201, problem: undefined });
    }
  }, 90_000);

  afterAll(async () => {
    await Promise.all(clients.map((client) => client.close().catch(() => undefined)));
    await Promise.all([composer.stop(), everything.close(), old.close(), young.close()]);
  });

  const kinds = {
    'the v1 client': (url: string) => connectV1(url),
    'the v2 client, legacy era': (url: string) => connect(url, 'legacy'),
    'the v2 client, modern era': (url: string) => connect(url, 'modern'),
  };
  const opened = async (kind: string, url = composer.mcpUrl) => {
    const client = await kinds[kind as keyof typeof kinds](url);
    clients.push(client);
    return client;
  };

  describe.each(Object.keys(kinds))('%s', (kind) => {
    const isModern = kind.endsWith('modern era');

    it('learns what there is, and what the members say of themselves', async () => {
      const client = await opened(kind);
      expect(client.getServerCapabilities()).toMatchObject({
        tools: { listChanged: true },
        prompts: { listChanged: true },
        resources: { listChanged: true },
        completions: {},
      });
      expect(client.getInstructions()).toMatch(/Server "old": Old notes\.[^]*Server "young": Young notes\./);
    });

    it('lists the prompts, resources and templates of every member, over all pages', async () => {
      const client = await opened(kind);
      const prompts = await pagesOf(client, 'prompts');
      expect(prompts.map(({ name }) => name)).toEqual(expect.arrayContaining(['old_summarise', 'young_summarise']));
      expect(prompts.find(({ name }) => name === 'young_summarise')).toMatchObject({
        title: 'Summarise',
        arguments: [{ name: 'id', required: true }],
      });
      expect(prompts.filter(({ name }) => name?.startsWith('everything_')).length).toBeGreaterThan(2);
      const uris = (await pagesOf(client, 'resources')).map(({ uri }) => uri);
      expect(uris).toEqual(expect.arrayContaining(['mcp+old:note://all', 'mcp+young:note://all']));
      const templates = (await pagesOf(client, 'resourceTemplates')).map(({ uriTemplate }) => uriTemplate);
      expect(templates).toEqual(expect.arrayContaining(['mcp+old:note://one/{id}', 'mcp+young:note://one/{id}']));
    });

    it.each(['old', 'young'])('gets, reads and completes at the member %s', async (id) => {
      const client = await opened(kind);
      const era = id === 'old' ? 'legacy' : 'modern';
      const prompt = await client.getPrompt({ name: `${id}_summarise`, arguments: { id: '2' } });
      expect(prompt.messages).toEqual([{ role: 'user', content: { type: 'text', text: 'Summarise note 2.' } }]);
      for (const [path, text] of [
        ['all', 'everything'],
        ['one/2', 'the second'],
      ] as const) {
        const uri = `mcp+${id}:note://${path}`;
        const { contents } = await client.readResource({ uri });
        expect(contents).toEqual([{ uri, mimeType: 'text/plain', text: `${era}: ${text}` }]);
      }
      const argument = { name: 'id', value: '1' };
      for (const ref of [
        { type: 'ref/prompt', name: `${id}_summarise` },
        { type: 'ref/resource', uri: `mcp+${id}:note://one/{id}` },
      ] as const) {
        const { completion } = await client.complete({ ref, argument });
        expect(completion.values).toEqual(['1', '10']);
      }
    });

    it('keeps the own names and URIs of a member at the member’s own address', async () => {
      const client = await opened(kind, `${composer.url}/mcp/old`);
      expect((await pagesOf(client, 'prompts')).map(({ name }) => name)).toEqual(['summarise']);
      expect((await client.readResource({ uri: 'note://one/1' })).contents).toMatchObject([
        { uri: 'note://one/1', text: 'legacy: the first' },
      ]);
      expect(client.getInstructions()).toMatch(/Old notes\.$/);
    });

    it('has of server-everything what it has of it directly', async () => {
      const [through, direct] = await Promise.all([
        opened(kind, `${composer.url}/mcp/everything`),
        opened(isModern ? 'the v2 client, legacy era' : kind, everything.url),
      ]);
      for (const list of ['prompts', 'resources', 'resourceTemplates'] as const) {
        const [ours, theirs] = await Promise.all([pagesOf(through, list), pagesOf(direct, list)]);
        const byKey = (a: Listed, b: Listed) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
        expect(ours.sort(byKey)).toEqual(theirs.sort(byKey));
      }
      const [first] = await pagesOf(direct, 'resources');
      const read = async (client: Client) => (await client.readResource({ uri: first!.uri! })).contents;
      expect(await read(through)).toEqual(await read(direct));
      const { name = '' } = (await pagesOf(direct, 'prompts')).find(({ arguments: args }) => !args?.length) ?? {};
      const get = async (client: Client) => (await client.getPrompt({ name })).messages;
      expect(await get(through)).toEqual(await get(direct));
    });

    it('is told of what is not there', async () => {
      const client = await opened(kind);
      await expect(client.getPrompt({ name: 'gone' })).rejects.toMatchObject({ code: -32602 });
      const ref = { type: 'ref/prompt', name: 'gone' } as const;
      await expect(client.complete({ ref, argument: { name: 'a', value: '' } })).rejects.toMatchObject({
        code: -32602,
      });
      const lost = client.readResource({ uri: 'gone://1' });
      await expect(lost).rejects.toMatchObject({ data: { uri: 'gone://1' } });
    });
  });

  it('are told by the API as by the lists of the protocol', async () => {
    const client = await opened('the v2 client, modern era');
    const told = async (path: string) => (await composer.api('GET', `/api/v1/${path}`)).body;
    expect((await told('prompts')).items).toEqual(await pagesOf(client, 'prompts'));
    expect(await told('resources')).toEqual({
      items: await pagesOf(client, 'resources'),
      templates: await pagesOf(client, 'resourceTemplates'),
    });
  });

  it('has for a resource that is not there the code of the caller’s era, whichever the member’s is', async () => {
    const headers = await openSession(composer.url);
    for (const uri of ['gone://1', 'mcp+young:note://two/1']) {
      const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'resources/read', params: { uri } });
      const legacy = await send(composer.url, { headers, body });
      expect(legacy.json.error).toMatchObject({ code: -32002, data: { uri } });
      const young = await modern(composer.url, 'resources/read', { uri });
      expect({ status: young.status, error: young.json.error }).toMatchObject({
        status: 200,
        error: { code: -32602, data: { uri } },
      });
    }
  });

  it('says of every list, and of what is read, how long it may be kept', async () => {
    for (const method of ['prompts/list', 'resources/list', 'resources/templates/list']) {
      const { json } = await modern(composer.url, method);
      expect(json.result).toMatchObject({ resultType: 'complete', ttlMs: 0, cacheScope: 'private' });
    }
    for (const id of ['old', 'young']) {
      const { json } = await modern(composer.url, 'resources/read', { uri: `mcp+${id}:note://all` });
      expect(json.result).toMatchObject({ resultType: 'complete', ttlMs: 0, cacheScope: 'private' });
    }
  });

  it('records who was given a prompt, and who has read which resource', async () => {
    await modern(composer.url, 'prompts/get', { name: 'old_summarise', arguments: { id: '1' } });
    await modern(composer.url, 'resources/read', { uri: 'gone://secret@host/x?token=1#2' });
    const eventsOf = async (action: string) => {
      const { body } = await composer.api('GET', `/api/v1/audit?action=${action}&order=newest&limit=1`);
      return (body as { items: object[] }).items;
    };
    // What was called is written within a second, each by itself.
    await eventually(async () => {
      expect(await eventsOf('prompt.fetched')).toMatchObject([
        { target: 'prompt:old_summarise', outcome: 'done', detail: { server: 'old' } },
      ]);
      expect(await eventsOf('resource.read')).toMatchObject([{ target: 'resource:gone://host/x', outcome: 'refused' }]);
    });
  });
});

interface Listed {
  readonly name?: string;
  readonly uri?: string;
  readonly uriTemplate?: string;
  readonly arguments?: readonly object[];
}

/** Every entry of a list, page by page. */
async function pagesOf(client: Client, list: 'prompts' | 'resources' | 'resourceTemplates'): Promise<Listed[]> {
  const all: Listed[] = [];
  let cursor: string | undefined;
  do {
    const params = cursor === undefined ? {} : { cursor };
    const page = (await {
      prompts: () => client.listPrompts(params),
      resources: () => client.listResources(params),
      resourceTemplates: () => client.listResourceTemplates(params),
    }[list]()) as unknown as Record<string, Listed[]> & { nextCursor?: string };
    all.push(...page[list]!);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return all;
}
