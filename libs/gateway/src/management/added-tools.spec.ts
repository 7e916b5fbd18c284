import 'reflect-metadata';
import { clientOf, type OpenPool, openPool, RecordingReply } from '#builder/testing';
import { parseMessage } from '#builder';
import { type OriginServer, originServer } from '#egress/testing';
import { serverId } from '#kernel';
import { DEFAULT_TENANT, SYSTEM } from '#tenancy';
import { principalOf } from '#tenancy/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { managementTools } from '../../testing/management-tools.js';
import { MAX_BODY_BYTES } from '../mcp-endpoint/request-body.js';
import type { ManagementTools } from './management-tools.js';

const ann = principalOf('ann', { roles: ['admin'] });
const ref = (id: string) => ({ tenantId: DEFAULT_TENANT, serverId: serverId(id) });

describe('tools that add tools', () => {
  let opened: OpenPool;
  let origin: OriginServer;
  let tools: ManagementTools;
  const seen: string[] = [];

  beforeEach(async () => {
    opened = await openPool();
    origin = await originServer((request, response) => {
      seen.push([request.method, request.url, request.headers.authorization ?? '-'].join(' '));
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"ok":true}');
    });
    tools = managementTools(opened.registry, opened.pool);
  });
  afterEach(async () => {
    await opened.close();
    await origin.close();
  });

  const run = async (name: string, args: object): Promise<unknown> => {
    const result = (await tools.run(tools.nameOf(name) ?? name, ann, args)) as {
      structuredContent: Record<string, unknown>;
    };
    return 'result' in result.structuredContent ? result.structuredContent['result'] : result.structuredContent;
  };
  const curl = (value: string, more: object = {}) =>
    run('add_tools_from_curl', {
      tool_config: { name: 'weather', description: 'Tells.', curl_config: { value }, ...more },
    });
  const call = async (server: string, tool: string, args: object) => {
    seen.splice(0);
    const params = { name: tool, arguments: args };
    const message = parseMessage(Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params })));
    const reply = new RecordingReply();
    const asked = { method: 'tools/call', target: tool, message, client: clientOf('legacy'), headers: {} } as const;
    opened.pool.find(ref(server))!.member!.request({ ...asked, principalId: ann.id }, reply);
    await reply.answered;
    return seen;
  };

  it('makes a tool of a curl command, with its credential sealed', async () => {
    const text = await curl(`curl '${origin.url}/v1/{{city}}?units=metric' -H 'Authorization: Bearer hunter2' -s`);
    expect(text).toBe(
      "Successfully added tools: 'weather_weather', version 1 of server 'weather'. Note: without effect on a tool: --silent.",
    );
    expect(await call('weather', 'weather', { city: 'Bad Tölz' })).toEqual([
      'GET /v1/Bad%20T%C3%B6lz?units=metric Bearer hunter2',
    ]);
    const { config } = await opened.registry.get(ref('weather'));
    expect(config).toMatchObject({ auth_strategy: 'bearer', auth: { token: { set: true } }, tags: ['curl-tool'] });
    expect(JSON.stringify([config, await opened.home.servers.list(DEFAULT_TENANT)])).not.toContain('hunter2');
    expect(
      await run('add_tools', {
        tool_config: { name: 'other', description: 'x', curl_config: { value: `curl ${origin.url}` } },
      }),
    ).toMatch(/^Successfully added tools/);
  });

  it('keeps every version, and goes back to one with its credential', async () => {
    await curl(`curl '${origin.url}/v1/{{city}}' -H 'Authorization: Bearer hunter1'`);
    expect(await curl(`curl '${origin.url}/v2/{{city}}' -u ann:hunter2`)).toMatch(/version 2 of server/);
    const [basic] = await call('weather', 'weather', { city: 'Ulm' });
    expect(basic).toBe(`GET /v2/Ulm Basic ${Buffer.from('ann:hunter2').toString('base64')}`);
    expect(await run('rollback_curl_tool_version', { name: 'weather', version: 'v1' })).toBe(
      "Rolled back 'weather' to version 1, which is version 3 now.",
    );
    expect(await call('weather', 'weather', { city: 'Ulm' })).toEqual(['GET /v1/Ulm Bearer hunter1']);
    await expect(run('rollback_curl_tool_version', { name: 'weather', version: 9 })).rejects.toMatchObject({
      code: 'COMPOSER_SERVER_VERSION_UNKNOWN',
    });
    await expect(run('rollback_openapi_tool_version', { name: 'weather', version: 1 })).rejects.toMatchObject({
      code: 'COMPOSER_SERVER_FOREIGN',
    });
  });

  it('lets nothing go with a command that cannot work, and leaves what serves alone', async () => {
    await curl(`curl ${origin.url}/a`);
    for (const command of [
      `curl ${origin.url}/{{a}}/../b`,
      `curl ${origin.url}/{{constructor}}`,
      'curl https://{{h}}/',
      `curl ${origin.url} --json '{{{a}}'`,
    ]) {
      await expect(curl(command)).rejects.toMatchObject({ status: 422 });
    }
    expect((await opened.registry.get(ref('weather'))).version).toBe(1);
  });

  it('passes the egress guard as every server does', async () => {
    await expect(curl('curl http://169.254.169.254/latest/meta-data/')).rejects.toMatchObject({
      code: 'COMPOSER_EGRESS_DENIED',
      faults: [{ path: 'endpoint' }],
    });
  });

  it('replaces no server that it has not added', async () => {
    await opened.registry.register(DEFAULT_TENANT, { id: 'weather', type: 'local' }, { by: SYSTEM });
    await expect(curl(`curl ${origin.url}`)).rejects.toMatchObject({ code: 'COMPOSER_SERVER_FOREIGN' });
  });

  it('lets the roles that a permission names call the tool, and no others', async () => {
    await curl(`curl ${origin.url}`, { permission: { roles: ['sales'] } });
    expect((await opened.registry.get(ref('weather'))).config).toMatchObject({
      tool_permissions: { weather: ['sales'] },
    });
    await curl(`curl ${origin.url}`, { permission: { role: 'hr' } });
    await curl(`curl ${origin.url}/v2`);
    expect((await opened.registry.get(ref('weather'))).config).toMatchObject({ tool_permissions: { weather: ['hr'] } });
    await expect(curl(`curl ${origin.url}`, { permission: { sales: true } })).rejects.toMatchObject({
      faults: [{ path: 'tool_config.permission' }],
    });
  });

  it.each<[string, string, object]>([
    [
      'add_tools_from_python',
      'add_tools_from_python',
      { tool_config: { name: 'x', script_config: { value: 'def f(): pass' } } },
    ],
    [
      'script_config',
      'add_tools',
      { tool_config: { name: 'x', description: 'x', script_config: { value: 'def f(): pass' } } },
    ],
    [
      'tool_type "script"',
      'add_tools_from_curl',
      {
        tool_config: {
          name: 'x',
          description: 'x',
          tool_type: 'script',
          curl_config: { value: 'curl https://a.example' },
        },
      },
    ],
    [
      'tool_type "Python"',
      'add_tools_from_curl',
      { tool_config: { name: 'x', description: 'x', tool_type: 'Python' } },
    ],
  ])('refuses scripts, and says how the same is had: %s', async (_, name, args) => {
    await expect(run(name, args)).rejects.toMatchObject({
      code: 'COMPOSER_SCRIPT_REFUSED',
      message: expect.stringMatching(/credentials of every server.*type "stdio".*STDIO_ALLOWLIST/),
    });
    expect(await opened.registry.list(DEFAULT_TENANT)).toEqual([]);
  });

  describe('from a document', () => {
    const spec = (path: string, more: object = {}) => ({
      openapi: '3.0.0',
      info: { title: 'Pet  Store (v2)!', version: '1' },
      servers: [{ url: `${origin.url}/{base}`, variables: { base: { default: 'api' } } }],
      paths: { [path]: { get: { operationId: 'list', responses: { 200: { description: 'fine' } } } } },
      ...more,
    });
    const auth_config = { auth_strategy: 'bearer', auth: { token: 'hunter2' } };

    it('adds its operations at its first server, and keeps the credential for the next version', async () => {
      expect(await run('add_tools_from_openapi', { openapi_spec: spec('/pets'), auth_config })).toBe(
        "Successfully added tools: 'Pet_Store_v2_<operation>', version 1 of server 'Pet_Store_v2'.",
      );
      expect(await call('Pet_Store_v2', 'list', {})).toEqual(['GET /api/pets Bearer hunter2']);
      await run('add_tools_from_openapi', { openapi_spec: JSON.stringify(spec('/animals')) });
      expect(await call('Pet_Store_v2', 'list', {})).toEqual(['GET /api/animals Bearer hunter2']);
      await run('rollback_openapi_tool_version', { name: 'Pet  Store (v2)!', version: 1 });
      expect(await call('Pet_Store_v2', 'list', {})).toEqual(['GET /api/pets Bearer hunter2']);
    });

    it('sends a credential to no other server than the one that it was given for', async () => {
      await run('add_tools_from_openapi', { openapi_spec: spec('/pets'), auth_config });
      const other = spec('/pets', { servers: [{ url: 'http://127.0.0.1:9/' }] });
      await expect(run('add_tools_from_openapi', { openapi_spec: other })).resolves.toMatch(/does not work yet|Note/);
      const { needsReentry } = await opened.registry.get(ref('Pet_Store_v2'));
      expect(needsReentry).toEqual(['auth.token']);
    });

    it('replaces no document by another one whose title becomes the same id, unless it is told the id', async () => {
      const titled = (title: string, path = '/pets') => spec(path, { info: { title, version: '1' } });
      const add = (openapi_spec: object, more: object = {}) => run('add_tools_from_openapi', { openapi_spec, ...more });
      await add(titled('Shop (v1)'));
      const other = {
        faults: [{ path: 'id', message: expect.stringMatching(/"Shop \(v1\)".*give another id.*or "Shop_v1"/) }],
      };
      await expect(add(titled('Shop v1'))).rejects.toMatchObject(other);
      await expect(run('rollback_openapi_tool_version', { name: 'Shop v1', version: 1 })).rejects.toMatchObject({
        faults: [{ path: 'name' }],
      });
      expect(await add(titled('Shop v1'), { id: 'second' })).toMatch(
        /'second_<operation>', version 1 of server 'second'/,
      );
      expect((await opened.registry.get(ref('Shop_v1'))).version).toBe(1);
      // The same document, whatever people call its server.
      await opened.registry.update(ref('Shop_v1'), { label: 'Ours' }, { by: SYSTEM, mode: 'merge' });
      expect(await add(titled('Shop (v1)', '/animals'))).toMatch(/version 3 of server 'Shop_v1'/);
      expect(await add(titled('Shop v1', '/other'), { id: 'Shop_v1' })).toMatch(/version 4 of server 'Shop_v1'/);
      expect(await call('Shop_v1', 'list', {})).toEqual(['GET /api/other -']);
      expect(await run('rollback_openapi_tool_version', { name: 'Shop_v1', version: 1 })).toMatch(/^Rolled back/);
      expect(await call('Shop_v1', 'list', {})).toEqual(['GET /api/pets -']);
    });

    it.each([
      ['Bücher & Straße', 'Bucher__Strasse'],
      ['Łódź / Ærø', 'Lodz__AEro'],
      ['ﬁle №1', 'file_No1'],
      ['  --API–Ⅱ ', 'APIII'],
    ])('names the server of %j by letters that an id can have', async (title, id) => {
      const openapi_spec = spec('/pets', { info: { title, version: '1' } });
      expect(await run('add_tools_from_openapi', { openapi_spec })).toMatch(new RegExp(`server '${id}'`));
      expect(await run('rollback_openapi_tool_version', { name: title, version: 1 })).toMatch(/^Rolled back/);
    });

    it('asks for an id where the title gives none', async () => {
      const openapi_spec = spec('/pets', { info: { title: '図書館', version: '1' } });
      await expect(run('add_tools_from_openapi', { openapi_spec })).rejects.toMatchObject({
        faults: [{ path: 'openapi_spec.info.title', message: expect.stringContaining('give an "id"') }],
      });
      await expect(run('add_tools_from_openapi', { openapi_spec, id: 'a b' })).rejects.toMatchObject({
        faults: [{ path: 'id' }],
      });
      expect(await run('add_tools_from_openapi', { openapi_spec, id: 'library' })).toMatch(/server 'library'/);
      expect((await opened.registry.get(ref('library'))).config).toMatchObject({ label: '図書館' });
      await opened.registry.register(DEFAULT_TENANT, { id: 'foreign', type: 'local' }, { by: SYSTEM });
      await expect(run('add_tools_from_openapi', { openapi_spec, id: 'foreign' })).rejects.toMatchObject({
        code: 'COMPOSER_SERVER_FOREIGN',
      });
    });

    it('promises to take no longer text than a message can hold', () => {
      const { definition } = tools.entries().find(({ name }) => name === 'add_tools_from_openapi')!;
      const { inputSchema } = JSON.parse(definition.toString()) as {
        inputSchema: { properties: { openapi_spec: { description: string; anyOf: object[] } } };
      };
      const { anyOf, description } = inputSchema.properties.openapi_spec;
      expect(anyOf).toContainEqual({ type: 'string', maxLength: MAX_BODY_BYTES });
      expect(description).toContain('1 MiB');
    });

    it('reads the form of the credential that documents of the original have, and Swagger 2', async () => {
      const { host } = new URL(origin.url);
      const swagger = {
        swagger: '2.0',
        info: { title: 'old', version: '1' },
        host,
        basePath: '/v0',
        schemes: ['http'],
        paths: spec('/pets').paths,
      };
      await run('add_tools_from_openapi', { openapi_spec: swagger, auth_config: { type: 'bearer', token: 'hunter2' } });
      expect(await call('old', 'list', {})).toEqual(['GET /v0/pets Bearer hunter2']);
    });

    it.each<[string, object, string]>([
      ['no title', { openapi_spec: { openapi: '3.0.0' } }, 'openapi_spec.info.title'],
      ['no server', { openapi_spec: { openapi: '3.0.0', info: { title: 'a' } } }, 'openapi_spec.servers'],
      [
        'a server that is a path',
        { openapi_spec: { info: { title: 'a' }, servers: [{ url: '/v1' }] } },
        'openapi_spec.servers',
      ],
      ['YAML', { openapi_spec: 'openapi: 3.0.0' }, 'openapi_spec'],
      [
        'unknown settings',
        {
          openapi_spec: { info: { title: 'a' }, servers: [{ url: 'http://a.example' }] },
          auth_config: { auth: {}, other: 1 },
        },
        'auth_config.other',
      ],
    ])('refuses %s', async (_, args, path) => {
      await expect(run('add_tools_from_openapi', args)).rejects.toMatchObject({ faults: [{ path }] });
    });
  });

  describe('prompts', () => {
    const prompt = (name: string, template = 'Ask {who}.') => ({ name, description: 'Asks.', template, tags: ['x'] });

    it('are added, listed, switched and deleted in the words of the original', async () => {
      expect(await run('add_prompts', { prompt_config: [prompt('a'), prompt('b')] })).toEqual([
        'prompts_a',
        'prompts_b',
      ]);
      expect(await run('add_prompts', { prompt_config: prompt('a', 'Again {who}.') })).toEqual(['prompts_a']);
      expect(await run('get_all_prompts', {})).toEqual(['prompts_b', 'prompts_a']);
      expect(await run('list_prompts_per_server', { server_id: 'prompts' })).toMatchObject([
        { name: 'prompts_b' },
        { name: 'prompts_a', description: 'Asks.', template: 'Again {who}.', server_id: 'prompts' },
      ]);
      expect(await run('disable_prompts', { server_id: 'prompts', prompts: ['a'] })).toBe(
        "Disabled ['prompts_a'] prompts from server prompts",
      );
      expect(await run('get_all_prompts', {})).toEqual(['prompts_b']);
      expect(await run('filter_prompts', { tags: ['x'], description: 'ASKS' })).toHaveLength(1);
      expect(await run('enable_prompts', { server_id: 'prompts', prompts: ['prompts_a'] })).toBe(
        "Enabled ['prompts_a'] prompts from server prompts",
      );
      expect(await run('disable_prompts', { server_id: 'prompts', prompts: ['c'] })).toBe(
        "No prompts found to disable: ['c']",
      );
      expect(await run('delete_prompts', { prompt_names: ['a', 'prompts_b', 'c'] })).toEqual({
        a: 'deleted',
        prompts_b: 'deleted',
        c: 'not found',
      });
      expect(await run('get_all_prompts', {})).toEqual([]);
      await expect(
        run('add_prompts', { prompt_config: { name: 'x', template: 'y', code: 'z' } }),
      ).rejects.toMatchObject({ status: 422 });
    });

    it('lose nothing when many are added at the same time, here and in another process', async () => {
      await run('get_all_prompts', {});
      const again = opened.again();
      await again.pool.load(DEFAULT_TENANT);
      const there = managementTools(again.registry, again.pool);
      const names = Array.from({ length: 10 }, (_, at) => `p${at}`);
      const add = (name: string, at: number) =>
        (at % 2 === 0 ? tools : there).run('add_prompts', ann, { prompt_config: prompt(name) });
      await Promise.all(names.map(add));
      await again.close();
      const shown = (await opened.registry.get(ref('prompts'))).config['prompts'] as { name: string }[];
      expect(shown.map(({ name }) => name).sort()).toEqual(names);
      expect((await opened.registry.get(ref('prompts'))).version).toBe(names.length);
    });
  });

  it('shows, describes and switches tools of every server', async () => {
    await curl(`curl '${origin.url}/{{city}}'`);
    const listed = [{ name: 'weather_weather', description: 'Tells.', parameters: { required: ['city'] } }];
    expect(await run('get_tool_config_by_server', { server_id: 'weather' })).toMatchObject(listed);
    expect(await run('get_tool_config_by_name', { tool_name: 'weather_weather' })).toMatchObject({
      name: 'weather_weather',
    });
    const described = { server_id: 'weather', tool: 'weather', description: 'Forecasts.' };
    expect(await run('update_tool_description', described)).toBe('Updated weather with description: Forecasts.');
    expect(await run('filter_tool', { keyword: 'FORECAST' })).toHaveLength(1);
    expect(await run('disable_tools', { tools: ['weather_weather'] })).toBe(
      "Successfully disabled tools: ['weather_weather']",
    );
    expect(await run('filter_tool', { keyword: 'weather' })).toEqual([]);
    expect((await opened.registry.get(ref('weather'))).config).toMatchObject({ disabled_tools: ['weather_weather'] });
    expect(await run('enable_tools', { tools: ['weather_weather'] })).toBe(
      "Enabled ['weather_weather'] tools from composer",
    );
    expect((await opened.registry.get(ref('weather'))).config).toMatchObject({ disabled_tools: [] });
    await expect(run('disable_tools', { tools: ['weather_weather', 'nobody_x'] })).rejects.toMatchObject({
      faults: [{ path: 'tools' }],
    });
    await expect(run('get_tool_config_by_name', { tool_name: '__proto__' })).rejects.toMatchObject({ status: 422 });
    // A new version of the command keeps what was chosen.
    await curl(`curl '${origin.url}/v2/{{city}}'`);
    expect((await opened.registry.get(ref('weather'))).config).toMatchObject({
      tools_description: { weather_weather: 'Forecasts.' },
    });
  });
});
