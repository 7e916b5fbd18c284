import type { MemberPool } from '#builder';
import type { MemberGate } from '#registry';
import { type MemoryRegistry, openMemoryRegistry } from '#registry/testing';
import { DEFAULT_TENANT } from '#tenancy';
import { principalOf } from '#tenancy/testing';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { InvalidArgumentsError } from '../gateway.errors.js';
import { resultOf } from './management-tool.js';
import type { ManagementTools } from './management-tools.js';
import { managementTools } from '../../testing/management-tools.js';

const admin = principalOf('ann', { roles: ['admin'] });
const crm = { id: 'crm', type: 'http', endpoint: 'https://crm.example/mcp', auth_strategy: 'bearer' };

describe('resultOf', () => {
  it('gives a text as content and under result', () => {
    expect(resultOf({ text: 'done' })).toEqual({
      content: [{ type: 'text', text: 'done' }],
      structuredContent: { result: 'done' },
    });
  });

  it('gives an object as it is', () => {
    const { content, structuredContent } = resultOf({ data: { a: [1] } }) as {
      content: { text: string }[];
      [k: string]: unknown;
    };
    expect(structuredContent).toEqual({ a: [1] });
    expect(JSON.parse(content[0]!.text)).toEqual({ a: [1] });
  });

  it.each([[[1, 2]], [null], [7], ['text'], [[]]])('gives %j, which is no object, under result', (data) => {
    expect(resultOf({ data })).toMatchObject({ structuredContent: { result: data } });
  });
});

describe('ManagementTools', () => {
  let home: MemoryRegistry;
  let tools: ManagementTools;
  let problem: string | undefined;

  beforeEach(async () => {
    home = await openMemoryRegistry();
    problem = undefined;
    const gate: MemberGate = {
      judge: async () => undefined,
      admit: async () => ({
        ...(problem === undefined ? {} : { problem }),
        activate: () => undefined,
        discard: async () => undefined,
      }),
      retire: async () => undefined,
      isWorking: async () => false,
    };
    home.registry.useGate(gate);
    const pool = { members: () => [] } as unknown as MemberPool;
    tools = managementTools(home.registry, pool);
  });

  const textOf = async (name: string, args: object, by = admin) => {
    const { structuredContent } = (await tools.run(name, by, args)) as { structuredContent: { result: unknown } };
    return structuredContent.result;
  };
  const faultsOf = async (name: string, args: unknown) => {
    const error: unknown = await tools.run(name, admin, args).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InvalidArgumentsError);
    return (error as InvalidArgumentsError).faults.map(({ path }) => path);
  };

  it('lists each tool once, with a schema of its arguments and hints', () => {
    const listed = tools
      .entries()
      .map(({ definition }) => JSON.parse(definition.toString()) as Record<string, unknown>);
    expect(listed.map(({ name }) => name).slice(0, 8)).toEqual([
      'register_mcp_server',
      'update_mcp_server_config',
      'delete_mcp_server',
      'activate_mcp_server',
      'deactivate_mcp_server',
      'list_servers',
      'member_health',
      'preview_mcp_server',
    ]);
    for (const { description, inputSchema } of listed) {
      expect(description).toMatch(/\.$/);
      expect(inputSchema).toMatchObject({ type: 'object', additionalProperties: false });
      expect(inputSchema).not.toHaveProperty('$schema');
    }
    const hints = new Map(listed.map(({ name, annotations }) => [name, annotations]));
    expect(hints.get('delete_mcp_server')).toMatchObject({ destructiveHint: true, readOnlyHint: false });
    expect(hints.get('list_servers')).toMatchObject({ destructiveHint: false, readOnlyHint: true });
  });

  it('previews a configuration, a hundred operations of it unless more are asked for', async () => {
    const run = async (more: object) => tools.run('preview_mcp_server', admin, { config: crm, ...more });
    expect(await run({})).toMatchObject({ structuredContent: { config: crm, page: { offset: 0, limit: 100 } } });
    expect(await run({ offset: 100, limit: 5 })).toMatchObject({
      structuredContent: { page: { offset: 100, limit: 5 } },
    });
    expect(await faultsOf('preview_mcp_server', { config: 1, limit: 0 })).toEqual(['config', 'limit']);
  });

  it('understands other names without listing them', () => {
    expect(tools.nameOf('list_member_servers')).toBe('list_servers');
    expect(tools.nameOf('list_servers')).toBe('list_servers');
    expect(tools.nameOf('constructor')).toBeUndefined();
  });

  it('names every argument that does not fit, and does nothing', async () => {
    expect(await faultsOf('update_mcp_server_config', { server_id: '', mode: 'guess', extra: 1 })).toEqual([
      'server_id',
      'new_config',
      'mode',
      'extra',
    ]);
    expect(await faultsOf('delete_mcp_server', { id: 'crm' })).toEqual(['server_id', 'id']);
    expect(await faultsOf('list_servers', { a: 1 })).toEqual(['a']);
    expect(await faultsOf('register_mcp_server', { config: 'crm' })).toEqual(['config']);
    expect(await faultsOf('register_mcp_server', [])).toEqual(['']);
    expect(await home.registry.list(DEFAULT_TENANT)).toEqual([]);
  });

  it('repeats no argument in its complaint', async () => {
    const args = { config: crm, token: 'hunter2' };
    await expect(tools.run('register_mcp_server', admin, { ...args, mode: 'hunter2' })).rejects.toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('hunter2') }),
    );
  });

  it('manages servers in the words of the original', async () => {
    const config = { ...crm, auth: { token: 'hunter2' } };
    expect(await textOf('register_mcp_server', { config })).toBe("Server 'crm' mounted successfully.");
    expect(await textOf('update_mcp_server_config', { server_id: 'crm', new_config: { label: 'CRM' } })).toBe(
      "Server 'crm' updated successfully.",
    );
    expect(await textOf('deactivate_mcp_server', { server_id: 'crm' })).toBe("Server 'crm' deactivated.");
    expect(await textOf('list_servers', {})).toEqual([
      {
        id: 'crm',
        type: 'http',
        server_name: 'proxy_crm',
        endpoint: 'https://crm.example/mcp',
        status: 'deactivated',
        label: 'CRM',
        tags: [],
      },
    ]);
    expect(await textOf('activate_mcp_server', { server_id: 'crm' })).toBe("Server 'crm' activated");
    expect(await textOf('delete_mcp_server', { server_id: 'crm' })).toBe("Server 'crm' unmounted successfully.");
  });

  it('merges an update unless it is told to replace', async () => {
    await textOf('register_mcp_server', { config: { ...crm, label: 'CRM', auth: { token: 'hunter2' } } });
    await textOf('update_mcp_server_config', { server_id: 'crm', new_config: { tags: ['a'] } });
    expect((await textOf('list_servers', {})) as object[]).toMatchObject([{ label: 'CRM', tags: ['a'] }]);
    const { auth_strategy: _, ...open } = crm;
    await textOf('update_mcp_server_config', { server_id: 'crm', new_config: open, mode: 'replace' });
    expect((await textOf('list_servers', {})) as object[]).toMatchObject([{ label: '', tags: [] }]);
  });

  it('says when a server was stored but does not work', async () => {
    problem = 'it answered HTTP 500';
    expect(await textOf('register_mcp_server', { config: { ...crm, auth: { token: 'hunter2' } } })).toBe(
      "Server 'crm' mounted successfully. It does not work yet: it answered HTTP 500. It is tried again by itself.",
    );
  });

  it('promises no other try to a server that waits for a secret', async () => {
    await textOf('register_mcp_server', { config: { ...crm, auth: { token: 'hunter2' } } });
    const new_config = { endpoint: 'https://other.example/mcp' };
    expect(await textOf('update_mcp_server_config', { server_id: 'crm', new_config })).toMatch(
      /It does not work yet: auth\.token must be entered again: [^.]*\.$/,
    );
  });

  it('lets operators alone name files of the composer’s host', async () => {
    const config = {
      id: 'api',
      type: 'openapi',
      open_api: { endpoint: 'https://a.example', spec_filepath: '/etc/spec' },
    };
    await expect(tools.run('register_mcp_server', admin, { config })).rejects.toMatchObject({
      faults: [{ path: 'open_api.spec_filepath' }],
    });
    const operator = { ...admin, roles: ['admin', 'operator'] };
    expect(await textOf('register_mcp_server', { config }, operator)).toMatch(/mounted successfully/);
  });

  it('throws what the registry refuses, so that the caller learns why', async () => {
    await expect(tools.run('delete_mcp_server', admin, { server_id: 'nobody' })).rejects.toMatchObject({
      code: 'COMPOSER_SERVER_UNKNOWN',
    });
  });
});
