import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type AskingMember, startAskingMember } from '../fixtures/asking-member.js';
import { eventually } from '../fixtures/eventually.js';
import { type InProcessComposer, startInProcess } from '../fixtures/in-process-composer.js';
import { keyIn } from '../fixtures/in-process-key.js';
import { MODERN } from '../fixtures/mcp-clients.js';
import { type McpMember, startLegacyMember, startModernMember } from '../fixtures/mcp-members.js';
import { ordersDocument } from '../fixtures/orders-document.js';
import { type RestService, startRestService } from '../fixtures/rest-service.js';
import { TenantClient } from '../fixtures/tenant-client.js';

const FACADE = ['get_service_info', 'get_type_info', 'make_tool_call'];
const threeOf = (...ids: readonly string[]) => ids.flatMap((id) => FACADE.map((name) => `${id}_${name}`)).sort();

let composer: InProcessComposer;
let shop: RestService;
let members: readonly McpMember[];
let asking: AskingMember;
let admin: TenantClient;

/** The orders, and so many operations besides that they are not listed all at once. */
function largeDocument(url: string): object {
  const { paths, ...rest } = ordersDocument(url) as { paths: object };
  const more = Array.from({ length: 45 }, (_, at) => [
    `/reports/${at}`,
    {
      get: {
        operationId: `reports/getReport${at}`,
        summary: `Report ${at} of the warehouse`,
        tags: ['reports'],
        responses: { 200: { description: 'fine' } },
      },
    },
  ]);
  const nameless = { '/nameless': { get: { responses: { 200: { description: 'fine' } } } } };
  return { ...rest, paths: { ...paths, ...Object.fromEntries(more), ...nameless } };
}

const register = async (config: object) => {
  const { status, text, json } = await admin.api('POST', '/servers', config);
  if (status !== 201) throw new Error(text);
  return json._meta.warnings as string[];
};
const told = async (name: string, args: object = {}, { by = admin, path = '/mcp' } = {}) => {
  const { json } = await by.rpc('tools/call', { name, arguments: args }, path);
  if (!json.result) throw new Error(JSON.stringify(json));
  const { content, structuredContent, isError } = json.result;
  return { value: structuredContent ?? JSON.parse(content[0].text), text: content[0].text as string, isError };
};

async function callerWith(permissions: object): Promise<TenantClient> {
  const name = `role-${++roles}`;
  const wanted = { permissions: { tools: [], servers: [], virtual_servers: [], ...permissions } };
  await admin.api('PUT', `/roles/${name}`, wanted);
  const { json: principal } = await admin.api('POST', '/principals', { name, roles: [name] });
  const { json } = await admin.api('POST', '/api-keys', { principal: principal.id });
  return new TenantClient(composer, json.key);
}
let roles = 0;

beforeAll(async () => {
  composer = await startInProcess({ COMPOSER_AUTH: 'required', LIMIT_CREDENTIAL_RPS: '500' });
  admin = new TenantClient(composer, await keyIn(composer.app));
  shop = await startRestService({ document: largeDocument });
  members = [await startModernMember({ more: ['pay'] }), await startLegacyMember()];
  asking = await startAskingMember();
  const open_api = { endpoint: shop.url, spec_url: shop.specUrl };
  const rules = { disabled_tools: ['delete_order'], tool_permissions: { create_order: ['finance'] } };
  await register({ ...shop.member('plain') });
  const warnings = await register({ ...shop.member('shop'), ...rules, open_api: { ...open_api, orges: true } });
  expect(warnings).toEqual(['open_api.orges was read as open_api.layered']);
  const [young, old] = members;
  const layered = { type: 'http', layered: true, health_check: { enabled: false } };
  await register({ id: 'young', endpoint: young!.url, tool_permissions: { pay: ['finance'] }, ...layered });
  const tool_description = { make_tool_call: 'Do it.' };
  const tool_permissions = { make_tool_call: ['finance'] };
  await register({ id: 'old', endpoint: old!.url, tool_description, tool_permissions, ...layered });
  await register({ id: 'asking', endpoint: asking.url, ...layered });
}, 120_000);

afterAll(async () => {
  await composer?.stop();
  await Promise.all([shop?.stop(), asking?.close(), ...(members ?? []).map(async (member) => member.close())]);
});

describe('a layered member', () => {
  it('is listed as three tools, whatever it has, and says what it was told to say', async () => {
    const names = (await admin.tools()) as string[];
    const own = names.filter((name) => /^(shop|young|old|asking)_/.test(name));
    expect(own).toEqual(threeOf('asking', 'old', 'shop', 'young'));
    const { json } = await admin.rpc('tools/list');
    const one = json.result.tools.find(({ name }: { name: string }) => name === 'old_make_tool_call');
    expect(one).toMatchObject({ description: 'Do it.', inputSchema: { required: ['tool_name'] } });
  });

  it('gives an overview of many services, and lists what fits a query, best first', async () => {
    const { value } = await told('shop_get_service_info');
    // Of 50 operations one has no id, and one is disabled.
    expect(value).toMatchObject({ total_services: 48, mode: 'overview', tags: [{ name: 'reports', count: 45 }] });
    expect(value.groups).toContainEqual({ name: 'reports', count: 45 });
    expect(value.names).toContain('reports/getReport7');
    const { value: found } = await told('shop_get_service_info', { query: 'place an order' });
    expect(found.matches[0]).toMatchObject({ name: 'create_order', http_method: 'POST', path: '/orders' });
    expect(found).toMatchObject({ mode: 'search', query: 'place an order', total_services: 48, limit: 20 });
    const { value: tagged } = await told('shop_get_service_info', { query: 'report 17', tags: ['reports'], limit: 1 });
    expect(tagged.matches.map(({ name }: { name: string }) => name)).toEqual(['reports/getReport17']);
    const { value: none } = await told('shop_get_service_info', { query: 'zebra' });
    expect(none).toMatchObject({ no_matches: true, matches: [], total_matched: 0 });
  });

  it('tells of one service what a call of it takes', async () => {
    const { value } = await told('shop_get_type_info', { service: 'get_order' });
    expect(value).toMatchObject({
      service: 'get_order',
      operationId: 'get_order',
      http_method: 'GET',
      path: '/orders/{orderId}',
      parameters: [{ name: 'orderId', in: 'path', required: true, type: 'string' }],
    });
    const { value: body } = await told('shop_get_type_info', { service: 'create_order' });
    expect(body.requestBody).toMatchObject({ properties: { item: { type: 'string' } }, required: ['item'] });
    const { value: unknown, isError } = await told('shop_get_type_info', { service: 'get_orders' });
    expect(isError).toBe(true);
    expect(unknown).toMatchObject({ error: "Service 'get_orders' not found", suggestions: expect.any(Array) });
    expect(unknown.suggestions).toContain('get_order');
  });

  it('sends for a service the request that the tool of its own would send', async () => {
    const pairs: [string, object, object][] = [
      ['list_orders', { status: 'open', limit: 5 }, { query_params: { status: 'open', limit: 5 } }],
      ['get_order', { orderId: 'a b ü' }, { path_params: { orderId: 'a b ü' } }],
      ['create_order', { item: 'tea', quantity: 2 }, { body: { item: 'tea', quantity: 2 } }],
    ];
    for (const [name, args, request] of pairs) {
      shop.forget();
      await told(`plain_${name}`, args);
      const { value } = await told('shop_make_tool_call', { service: name, request });
      expect(value).toMatchObject({ success: true, service: name, status_code: name === 'create_order' ? 201 : 200 });
      const [one, other] = shop.calls();
      expect(other).toEqual(one);
    }
  });

  it('tells failures in the original’s shapes', async () => {
    const { value: gone } = await told('shop_make_tool_call', { service: 'reports/getReport3' });
    expect(gone).toEqual({
      success: true,
      service: 'reports/getReport3',
      status_code: 404,
      data: { error: 'nothing at /reports/3' },
    });
    const { value: faulty, isError } = await told('shop_make_tool_call', {
      service: 'get_order',
      request: { query_params: { any: 1 }, body: {} },
    });
    expect([faulty.success, faulty.service, isError]).toEqual([false, 'get_order', true]);
    expect(faulty.error).toMatch(/request\.query_params\.any.*request\.body/);
    shop.forget();
    const beside = await told('shop_make_tool_call', { service: 'list_orders', query_params: { status: 'open' } });
    expect([beside.value.success, beside.isError, shop.calls()]).toEqual([false, true, []]);
    expect(beside.value.error).toMatch(/does not take query_params; write .*"request"/);
    const { text } = await told('young_make_tool_call', { tool_name: 'pai', arguments: {} });
    expect(JSON.parse(text)).toMatchObject({ error: "Tool 'pai' not found", available_tools: expect.any(Array) });
    const failed = await told('old_make_tool_call', { tool_name: 'echo', arguments: { message: 1 } });
    expect(JSON.parse(failed.text)).toMatchObject({ error: 'Tool execution failed', tool: 'echo' });
    expect(failed.isError).toBe(true);
  });

  it.each([
    ['young', 'modern'],
    ['old', 'legacy'],
  ])('of MCP tells its tools, and calls them with the arguments inside: %s', async (id, era) => {
    const { value } = await told(`${id}_get_service_info`);
    const listed = JSON.parse(value.result);
    expect(listed).toMatchObject({ mode: 'list', usage: expect.any(String) });
    expect(listed.matches).toContainEqual({ name: 'echo', summary: 'The echo tool.', tags: [] });
    const { value: type } = await told(`${id}_get_type_info`, { tool_name: 'echo' });
    expect(JSON.parse(type.result).parameters).toEqual([
      { name: 'message', type: 'string', description: '', required: true },
    ]);
    const args = { tool_name: 'echo', arguments: { message: 'hello' } };
    expect((await told(`${id}_make_tool_call`, args)).value).toEqual({ result: `${era}: hello` });
  });
});

describe('permissions', () => {
  it('of the tools behind the three decide what is found, told and called', async () => {
    const caller = await callerWith({ servers: ['shop', 'young'] });
    expect(await caller.tools()).toEqual(threeOf('shop', 'young'));
    shop.forget();
    for (const service of ['create_order', 'delete_order']) {
      const request = { path_params: { orderId: '1' }, body: { item: 'tea' } };
      const { value, isError } = await told('shop_make_tool_call', { service, request }, { by: caller });
      expect([isError, value.error]).toEqual([true, `Service '${service}' not found`]);
      expect((await told('shop_get_type_info', { service }, { by: caller })).isError).toBe(true);
    }
    expect(shop.calls()).toEqual([]);
    const { value } = await told('shop_get_service_info', { query: 'places cancels order' }, { by: caller });
    const names = value.matches.map(({ name }: { name: string }) => name);
    expect(names).toEqual(expect.not.arrayContaining(['create_order', 'delete_order']));
    expect((await told('shop_get_service_info', {}, { by: caller })).value.names).not.toContain('create_order');
    expect((await told('young_make_tool_call', { tool_name: 'pay' }, { by: caller })).isError).toBe(true);
    expect((await told('young_make_tool_call', { tool_name: 'pay' })).value).toEqual({ result: 'pay' });
  });

  it('of the three themselves close them to others', async () => {
    const caller = await callerWith({ servers: ['old'] });
    expect(await caller.tools()).toEqual(['old_get_service_info', 'old_get_type_info']);
    const args = { tool_name: 'echo', arguments: { message: 'x' } };
    expect(await caller.call('old_make_tool_call', args)).toBe('Unknown tool: old_make_tool_call');
  });

  it('of patterns open what they fit behind the three, and nothing where they fit the three alone', async () => {
    const reader = await callerWith({ tools: ['shop_get_order', 'shop_make_tool_call', 'old_get_service_info'] });
    expect(await reader.tools()).toEqual(threeOf('shop'));
    expect((await told('shop_get_service_info', {}, { by: reader })).value).toMatchObject({ total_services: 1 });
    const request = { path_params: { orderId: '7' } };
    expect((await told('shop_make_tool_call', { service: 'get_order', request }, { by: reader })).value.data.id).toBe(
      '7',
    );
    expect((await told('shop_make_tool_call', { service: 'list_orders' }, { by: reader })).isError).toBe(true);
  });

  it('of a virtual server select what is behind the three, whose names are its own', async () => {
    const view = { servers: ['shop', 'plain'], tools: ['shop_list*'], naming: 'none' };
    expect((await admin.api('PUT', '/virtual-servers/lists', view)).status).toBe(201);
    const at = '/mcp/lists';
    expect(await admin.tools(at)).toEqual(FACADE);
    expect((await told('get_service_info', {}, { path: at })).value).toMatchObject({ total_services: 1 });
    expect((await told('make_tool_call', { service: 'list_orders' }, { path: at })).value.status_code).toBe(200);
    expect((await told('make_tool_call', { service: 'get_order' }, { path: at })).isError).toBe(true);
  });

  it('are told apart in the audit trail by the tool that was called', async () => {
    await told('shop_make_tool_call', { service: 'list_orders' });
    await told('young_make_tool_call', { tool_name: 'pay' });
    const targets = async () => {
      const { json } = await admin.api('GET', '/audit?action=tool.called&limit=20');
      return (json.items as { target: string; detail: { server?: string } }[]).map(({ target, detail }) => [
        target,
        detail.server,
      ]);
    };
    await eventually(async () => {
      expect(await targets()).toEqual(
        expect.arrayContaining([
          ['tool:shop_list_orders', 'shop'],
          ['tool:young_pay', 'young'],
        ]),
      );
      return true;
    });
  });
});

describe('a look before', () => {
  it('is at servers:preview and in a tool, for administrators alone', async () => {
    const config = { ...shop.member('shop2'), open_api: { endpoint: shop.url, spec_url: shop.specUrl } };
    shop.forget();
    const { status, json } = await admin.api('POST', '/servers:preview?limit=3', config);
    expect([status, json]).toMatchObject([200, { known: true, exists: false, total: 50, limit: 3 }]);
    expect(json.operations[0]).toEqual({ operation: 'GET /orders', name: 'shop2_list_orders', kind: 'tool' });
    const { value } = await told('preview_mcp_server', { config, limit: 3 });
    expect(value).toEqual(json);
    expect(shop.calls()).toEqual([]);
    expect((await admin.api('GET', '/servers/shop2')).status).toBe(404);
    const { json: faulty } = await admin.api('POST', '/servers:preview', { ...config, type: 'soap' });
    expect(faulty).toMatchObject({ status: 422, code: 'COMPOSER_SERVER_CONFIG_INVALID' });
    expect((await admin.api('POST', '/servers:preview?limit=0', config)).status).toBe(422);

    const caller = await callerWith({ servers: ['*'] });
    expect((await caller.api('POST', '/servers:preview', config)).status).toBe(403);
    expect(await caller.call('preview_mcp_server', { config })).toBe('Unknown tool: preview_mcp_server');
    const { json: document } = await admin.api('GET', '/openapi.json');
    expect(Object.keys(document.paths['/api/v1/servers:preview'])).toEqual(['post']);
  });
});

describe('make_tool_call', () => {
  async function connect(era: 'legacy' | 'modern', isAsked = true): Promise<Client> {
    const client = new Client(
      { name: 'layered', version: '1' },
      {
        capabilities: isAsked ? { elicitation: {} } : {},
        ...(era === 'modern' ? { versionNegotiation: { mode: { pin: MODERN } } } : {}),
      },
    );
    if (isAsked)
      client.setRequestHandler('elicitation/create', ({ params }) => ({
        action: 'accept',
        content: { name: `answer to ${params.message}` },
      }));
    const requestInit = { headers: { authorization: `Bearer ${admin.key}` } };
    await client.connect(new StreamableHTTPClientTransport(new URL(`${composer.url}/mcp`), { requestInit }));
    return client;
  }

  it('keeps the shape for whom the bytes of the member could be passed on', async () => {
    const client = await connect('modern', false);
    try {
      const call = { tool_name: 'count', arguments: { steps: 2 } };
      const counted = await client.callTool(
        { name: 'young_make_tool_call', arguments: call },
        { onprogress: () => undefined },
      );
      expect(counted.structuredContent).toEqual({ result: 'counted to 2' });
    } finally {
      await client.close();
    }
  });

  it.each(['legacy', 'modern'] as const)('passes on progress, questions and cancellation: %s', async (era) => {
    const client = await connect(era);
    try {
      const steps: number[] = [];
      const counted = await client.callTool(
        { name: 'old_make_tool_call', arguments: { tool_name: 'count', arguments: { steps: 3 } } },
        { onprogress: ({ progress }) => void steps.push(progress) },
      );
      expect(counted.content).toEqual([{ type: 'text', text: 'counted to 3' }]);
      expect(steps).toEqual([1, 2, 3]);

      const ask = { tool_name: 'ask', arguments: { what: 'Colour' } };
      const asked = await client.callTool({ name: 'asking_make_tool_call', arguments: ask });
      expect(JSON.stringify(asked.content)).toContain('Colour?');

      const key = `wait-${era}`;
      const abort = new AbortController();
      const wait = { tool_name: 'wait', arguments: { key } };
      const waiting = client.callTool({ name: 'young_make_tool_call', arguments: wait }, { signal: abort.signal });
      const [young] = members;
      await eventually(() => expect(young!.waiting).toContain(key));
      abort.abort();
      await expect(waiting).rejects.toThrow();
      await eventually(() => expect(young!.cancelled).toContain(key));
    } finally {
      await client.close();
    }
  });
});
