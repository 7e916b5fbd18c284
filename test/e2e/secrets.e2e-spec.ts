import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { modern, send, toolNames } from '../fixtures/mcp-clients.js';
import { type McpMember, freePort, startLegacyMember } from '../fixtures/mcp-members.js';
import { pingMember } from '../fixtures/openapi-member.js';
import { spellingsOf } from '../fixtures/secret-spellings.js';
import { type RestService, startRestService } from '../fixtures/rest-service.js';
import { type TwoRoles, openTwoRoles } from '../fixtures/two-roles.js';
import { type ComposerProcess, startComposer } from '../support/composer-process.js';

/** Six secrets with characters that every coding spells differently. */
const CANARIES = {
  password: 'canary-Pa"ss~wörd/1+?',
  token: 'canary-bearer-q9Xz_7/+=2',
  apitoken: 'canary-apitoken-"\\k3~Yv',
  apikey: 'canary-apikey-<&%41>-w8',
  header: 'canary-header-#L0 p"r;5t',
  tool: 'canary-tool-auth-Zm9/v{}6',
};

describe.each(['embedded', 'postgres'] as const)('six secrets, on the %s database', (type) => {
  let composer: ComposerProcess;
  let service: RestService;
  let member: McpMember;
  let database: TwoRoles | undefined;
  /** Everything that the composer has answered. */
  const answers: string[] = [];

  beforeAll(async () => {
    database = type === 'postgres' ? await openTwoRoles() : undefined;
    [composer, service, member] = await Promise.all([
      startComposer({ env: { LOG_LEVEL: 'debug', ...database?.env } }),
      startRestService(),
      startLegacyMember(),
    ]);
    await useThemAll();
  }, 120_000);

  afterAll(async () => {
    await Promise.all([composer.stop(), service.stop(), member.close()]);
    await database?.remove();
  });

  const api = async (method: string, path: string, body?: unknown) => {
    const { status, headers, body: answer } = await composer.api(method, path, body);
    answers.push(JSON.stringify([status, [...headers], answer]));
    return status;
  };
  const tool = async (name: string, args: Record<string, unknown>) => {
    answers.push((await modern(composer.url, 'tools/call', { name, arguments: args })).text);
  };

  /** Registers, calls, fails, updates, lists, asks for health, and goes wrong in every way that takes a secret along. */
  async function useThemAll(): Promise<void> {
    const gone = `http://127.0.0.1:${await freePort()}`;
    const blocks = {
      basic: { auth_strategy: 'basic', auth: { username: 'ann', password: CANARIES.password } },
      bearer: { auth_strategy: 'bearer', auth: { token: CANARIES.token } },
      apitoken: { auth_strategy: 'apitoken', auth: { token: CANARIES.apitoken, auth_prefix: 'Token' } },
      apikey: { auth_strategy: 'apikey', auth: { apikey: CANARIES.apikey, in: 'query', name: 'key' } },
    };
    const toolAuth = { ping: { auth_strategy: 'bearer', auth: { token: CANARIES.tool } } };
    const more = { headers: { 'X-Static': CANARIES.header }, tool_auth: toolAuth };
    for (const [id, block] of Object.entries(blocks)) {
      expect(await api('POST', '/api/v1/servers', pingMember(id, service.url, { ...block, ...more }))).toBe(201);
      expect(
        await api('POST', '/api/v1/servers', {
          id: `${id}-mcp`,
          type: 'http',
          endpoint: member.url,
          ...block,
          ...more,
        }),
      ).toBe(201);
      await api('POST', '/api/v1/servers', pingMember(`${id}-gone`, gone, { ...block, retry_attempts: 0 }));
      await tool('register_mcp_server', { config: { id: `${id}-gone-mcp`, type: 'http', endpoint: gone, ...block } });
      for (const name of [`${id}_ping`, `${id}-gone_ping`]) await tool(name, {});
      await tool(`${id}-mcp_echo`, { message: 'hello' });
      await api('PATCH', `/api/v1/servers/${id}`, { label: 'changed', ...block });
      await api('PUT', `/api/v1/servers/${id}`, pingMember(id, service.url, { ...block, ...more }));
      await tool('update_mcp_server_config', { server_id: id, new_config: { ...block, timeout: -1 } });

      // Refused ones: a secret in the wrong place, of the wrong strategy, beside a fault, in a document that does not parse.
      const wrong = { ...block.auth, unknown: CANARIES.token };
      await api('POST', '/api/v1/servers', pingMember('bad', service.url, { ...block, auth: wrong }));
      await api('POST', '/api/v1/servers', pingMember('bad', service.url, { auth: block.auth }));
      await api('POST', '/api/v1/servers', pingMember(id, service.url, block));
      await api('POST', '/api/v1/servers', { id: 'bad', type: 'http', endpoint: 'http://169.254.1.1/', ...block });
      await api('POST', '/api/v1/servers', `{"id": ${JSON.stringify(Object.values(block.auth).join(' '))}, `);
      await tool('register_mcp_server', { config: { id: 'bad', type: 'nonsense', ...block } });
      await tool('register_mcp_server', { server_id: 'bad', ...block });
      const { text } = await send(composer.url, {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(block),
      });
      answers.push(text);
      for (const path of ['', '/health', '/tools', '/versions', '/nonsense'])
        await api('GET', `/api/v1/servers/${id}${path}`);
      await api('POST', `/api/v1/servers/${id}/versions/1/restore`);
      await api('POST', `/api/v1/servers/${id}/deactivate`);
      await api('POST', `/api/v1/servers/${id}/activate`);
    }
    for (const path of [
      '/api/v1/servers',
      '/api/v1/tools',
      '/health',
      '/health/ready',
      '/api/v1/openapi.json',
      '/docs',
    ]) {
      await api('GET', path);
    }
    for (const name of ['list_servers', 'member_health']) await tool(name, {});
    answers.push(JSON.stringify(await toolNames(composer.url)));
    await api('DELETE', '/api/v1/servers/apikey-mcp');
  }

  it('have all been sent to the members, so that there is something to find', () => {
    const wire = JSON.stringify([service.requests, member.requests]);
    expect(Object.keys(CANARIES).filter((name) => !isFound(name as keyof typeof CANARIES, wire))).toEqual([]);
  });

  it('stand in no answer', () => {
    expect(answers.length).toBeGreaterThan(80);
    expect(found({ answers: answers.join('\n') })).toEqual([]);
  });

  it('stand in nothing that the process wrote, at level debug', () => {
    expect(composer.stderr()).toContain('"level":"debug"');
    expect(found({ stdout: composer.stdout(), stderr: composer.stderr() })).toEqual([]);
  });

  it('stand in no file of the data directory, running or stopped', async () => {
    expect(found(filesOf(composer.dataDir))).toEqual([]);
    await composer.kill('SIGKILL');
    expect(found(filesOf(composer.dataDir))).toEqual([]);
    // What is no secret is found, so the search does look where everything is kept.
    if (type === 'embedded') expect(Object.values(filesOf(composer.dataDir)).join('')).toContain('apikey-gone');
  });

  if (type === 'postgres') {
    it('stand in no table, as a dump shows them', async () => {
      const dump = await database!.dump();
      expect(dump).toMatch(/apikey-gone/);
      expect(found({ dump })).toEqual([]);
    });
  }
});

/** `<place>: <name of the secret>` for every secret that turns up in some spelling. */
function found(places: Readonly<Record<string, string>>): string[] {
  const names = Object.keys(CANARIES) as (keyof typeof CANARIES)[];
  return Object.entries(places).flatMap(([place, text]) =>
    names.filter((name) => isFound(name, text)).map((name) => `${place}: ${name}`),
  );
}

const isFound = (name: keyof typeof CANARIES, text: string): boolean =>
  spellingsOf(CANARIES[name]).some((form) => text.includes(form));

/** All files below a directory, byte for byte. */
function filesOf(directory: string): Record<string, string> {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    entries.map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return [path, readFileSync(path, 'latin1')];
    }),
  );
}
