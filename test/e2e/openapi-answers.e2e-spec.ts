import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Client } from '@modelcontextprotocol/client';
import { eventually } from '../fixtures/eventually.js';
import { connect, connectV1 } from '../fixtures/mcp-clients.js';
import { UNCHECKED, openApiDocument } from '../fixtures/openapi-member.js';
import { type ComposerProcess, startComposer } from '../support/composer-process.js';

const PNG = Buffer.from('iVBORw0KGgo=', 'base64');
/** What the service answers, by the last segment of the path. */
const ANSWERS: Readonly<Record<string, readonly [status: number, type: string | undefined, body: string | Buffer]>> = {
  good: [200, 'application/json', '{"id":1,"tags":["a",null],"more":true}'],
  bare: [200, undefined, '{"id":2}'],
  odd: [200, 'application/json', '{"id":"one"}'],
  list: [200, 'application/json', '[1]'],
  text: [200, 'text/plain', 'busy'],
  none: [204, undefined, ''],
  picture: [200, 'image/png', PNG],
  bytes: [200, 'application/pdf', Buffer.from([0, 1])],
  failed: [500, 'application/json', '{"id":"one"}'],
  locked: [401, 'text/plain', 'who are you'],
};

const pet = {
  type: 'object',
  required: ['id'],
  properties: { id: { type: 'integer' }, tags: { type: 'array', items: { type: 'string' } } },
};
const responses = { 200: { description: 'A pet', content: { 'application/json': { schema: pet } } } };
const parameters = [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }];
const picture = { 200: { description: 'It', content: { 'image/png': {} } } };
const DOCUMENT = openApiDocument({
  'GET /pets/{id}': { operationId: 'get_pet', parameters, responses },
  'GET /pages/good': { operationId: 'front_page', responses },
  'GET /pages/text': { operationId: 'status_page' },
  'GET /pages/failed': { operationId: 'sick_page' },
  'GET /pages/{id}': { operationId: 'page', parameters: [...parameters, { name: 'size', in: 'query' }] },
  'GET /views/{id}': { operationId: 'view', parameters, responses: picture },
  'POST /pages/{id}': { operationId: 'new_page', parameters },
});
const custom_routes = [
  { methods: '*', pattern: '^/(pages|views)/\\{', mcp_type: 'RESOURCE_TEMPLATE' },
  { methods: '*', pattern: '^/pages', mcp_type: 'RESOURCE' },
];

describe('what operations answer', () => {
  let composer: ComposerProcess;
  const urls: string[] = [];
  const clients: { close(): Promise<void> }[] = [];
  const service = createServer(({ url = '' }, response) => {
    urls.push(url);
    const [status, type, body] = ANSWERS[/([^/?]*)(\?.*)?$/.exec(url)?.[1] ?? ''] ?? [404, 'text/plain', 'gone'];
    response.writeHead(status, type === undefined ? {} : { 'content-type': type }).end(body);
  });

  beforeAll(async () => {
    composer = await startComposer({ env: { TOOLS_PAGE_SIZE: '1' } });
    await new Promise<void>((resolve) => void service.listen(0, '127.0.0.1', resolve));
    const endpoint = `http://127.0.0.1:${(service.address() as AddressInfo).port}/api`;
    const securitySchemes = { key: { type: 'apiKey', in: 'header', name: 'X-Key' } };
    const open_api = { endpoint, spec: { ...DOCUMENT, components: { securitySchemes } }, custom_routes };
    const hidden = { disabled_resources: ['resource://shop/sick_page'], resources_description: { page: 'Any page.' } };
    const config = { id: 'shop', type: 'openapi', open_api, ...UNCHECKED, ...hidden };
    const { status, body } = await composer.api('POST', '/api/v1/servers', config);
    expect({ status, problem: body?._meta?.problem }).toEqual({ status: 201, problem: undefined });
  }, 60_000);

  afterAll(async () => {
    await Promise.all(clients.map((client) => client.close().catch(() => undefined)));
    await composer.stop();
    service.closeAllConnections();
    await new Promise((resolve) => service.close(resolve));
  });

  const kinds = {
    'the v1 client': (url: string) => connectV1(url),
    'the v2 client, legacy era': (url: string) => connect(url, 'legacy'),
    'the v2 client, modern era': (url: string) => connect(url, 'modern'),
  };

  describe.each(Object.entries(kinds))('%s', (kind, open) => {
    let all: Client;
    let one: Client;
    beforeAll(async () => {
      [all, one] = await Promise.all([open(composer.mcpUrl), open(`${composer.url}/mcp/shop`)]);
      clients.push(all, one);
    });

    it('takes every result of a tool that says what it answers', async () => {
      const { tools } = await one.listTools();
      expect(tools.map(({ name, outputSchema }) => [name, outputSchema?.type])).toEqual([['get_pet', 'object']]);
      const call = async (id: string) => {
        const { isError, structuredContent, content } = await one.callTool({ name: 'get_pet', arguments: { id } });
        return { isError: isError ?? false, structuredContent, type: (content as { type: string }[])[0]?.type };
      };
      const told = await Promise.all(Object.keys(ANSWERS).map(async (id) => [id, await call(id)]));
      const text = { isError: false, type: 'text' };
      expect(Object.fromEntries(told)).toEqual({
        good: { ...text, structuredContent: { id: 1, tags: ['a', null], more: true } },
        bare: { ...text, structuredContent: { id: 2 } },
        odd: { ...text, structuredContent: { undocumented_answer: { id: 'one' } } },
        list: { ...text, structuredContent: { result: [1] } },
        text: { ...text, structuredContent: { undocumented_answer: 'busy' } },
        none: { ...text, structuredContent: {} },
        picture: { ...text, type: 'image', structuredContent: {} },
        bytes: { ...text, type: 'resource', structuredContent: {} },
        failed: { ...text, isError: true, structuredContent: undefined },
        locked: { ...text, isError: true, structuredContent: undefined },
      });
    });

    it('lists and reads operations as resources', async () => {
      for (const client of [all, one]) {
        const pages = await pagesOf((params) => client.listResources(params));
        // The v2 client reads all pages for one call.
        if (kind === 'the v1 client') expect(pages).toHaveLength(2);
        const resources = pages.flatMap((page) => page.resources);
        expect(resources.map(({ uri, mimeType }) => ({ uri, mimeType }))).toEqual([
          { uri: 'resource://shop/front_page', mimeType: 'application/json' },
          { uri: 'resource://shop/status_page', mimeType: undefined },
        ]);
        const templates = await pagesOf((params) => client.listResourceTemplates(params));
        const resourceTemplates = templates.flatMap((page) => page.resourceTemplates);
        expect(resourceTemplates).toMatchObject([
          { uriTemplate: 'resource://shop/page/{id}{?size}', name: 'page', description: 'Any page.' },
          { uriTemplate: 'resource://shop/view/{id}', mimeType: 'image/png' },
        ]);
        const read = async (uri: string) => (await client.readResource({ uri })).contents;
        const uri = 'resource://shop/front_page';
        expect(await read(uri)).toEqual([{ uri, mimeType: 'application/json', text: ANSWERS['good']?.[2] }]);
        expect(await read('resource://shop/view/picture')).toMatchObject([
          { mimeType: 'image/png', blob: PNG.toString('base64') },
        ]);
        expect(await read('resource://shop/page/bare?size=a%26b')).toMatchObject([{ text: '{"id":2}' }]);
        expect(urls.at(-1)).toBe('/api/pages/bare?size=a%26b');
      }
    });

    it('is told of what cannot be read', async () => {
      const faultOf = (uri: string) =>
        one.readResource({ uri }).then(
          () => undefined,
          (error: unknown) => error,
        );
      // The v2 client knows one code for both eras.
      const code = kind === 'the v1 client' ? -32002 : -32602;
      const [before, gone] = [urls.length, 'resource://shop/view/nothing'];
      expect(await faultOf(gone)).toMatchObject({ code, data: { uri: gone } });
      expect(urls.slice(before)).toEqual(['/api/views/nothing']);
      for (const uri of ['resource://shop/nothing', 'resource://shop/view/a/b']) {
        expect(await faultOf(uri)).toMatchObject({ code, data: { uri } });
      }
      for (const uri of [
        'resource://shop/view/%2e%2e',
        'resource://shop/view/a%2Fb',
        'resource://shop/view/good?x=1',
      ]) {
        expect(await faultOf(uri)).toMatchObject({ code: -32602, message: expect.stringContaining('Invalid params') });
      }
      expect(urls.slice(before)).toEqual(['/api/views/nothing']);
      const failed = await faultOf('resource://shop/page/failed');
      expect(failed).toMatchObject({ code: -32603, message: expect.stringContaining('HTTP error 500') });
    });
  });

  it('names what the document asks for where no credential is sent', async () => {
    const client = await connect(composer.mcpUrl, 'legacy');
    clients.push(client);
    const { content } = await client.callTool({ name: 'shop_get_pet', arguments: { id: 'locked' } });
    expect((content as { text: string }[]).map(({ text }) => text)).toEqual([
      'HTTP error 401: Unauthorized - who are you',
      'Server "shop" is called without a credential; its document asks for auth_strategy "apikey", in "header", name "X-Key".',
    ]);
  });

  it('is recorded when it is read', async () => {
    const query = 'action=resource.read&order=newest&limit=100';
    await eventually(async () => {
      const { body } = await composer.api('GET', `/api/v1/audit?${query}`);
      expect((body as { items: object[] }).items).toContainEqual(
        expect.objectContaining({
          target: 'resource:resource://shop/page/bare',
          outcome: 'done',
          detail: expect.objectContaining({ server: 'shop' }) as unknown,
        }),
      );
    });
  });
});

/** Every page of a list. */
async function pagesOf<P extends { nextCursor?: string | undefined }>(
  list: (params: { cursor?: string }) => Promise<P>,
): Promise<P[]> {
  const pages = [await list({})];
  for (let cursor = pages[0]?.nextCursor; cursor !== undefined; cursor = pages.at(-1)?.nextCursor) {
    pages.push(await list({ cursor }));
  }
  return pages;
}
