import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { asSuperuser, until } from '#persistence/testing';
import { callTool } from '../fixtures/mcp-clients.js';
import { type RestService, startRestService } from '../fixtures/rest-service.js';
import { type TwoRoles, openTwoRoles } from '../fixtures/two-roles.js';
import { type Ended, RunningChild } from '../support/child-process.js';
import { type ComposerProcess, startComposer } from '../support/composer-process.js';

const CLI = fileURLToPath(new URL('../../dist/apps/composer/src/cli.js', import.meta.url));
const COMPOSER_KEYS = `test:${randomBytes(32).toString('base64')}`;
const SECRET = 'never-in-the-trail';

interface Event {
  readonly seq: number;
  readonly action: string;
  readonly outcome: string;
  readonly target: string;
  readonly hash: string;
}

describe('the audit trail, on a real Postgres', () => {
  let database: TwoRoles;
  let service: RestService;
  const running: ComposerProcess[] = [];

  beforeAll(async () => {
    [database, service] = await Promise.all([openTwoRoles(), startRestService()]);
  }, 60_000);
  afterEach(async () => void (await Promise.all(running.splice(0).map((composer) => composer.stop()))));
  afterAll(async () => {
    await service.stop();
    await database.remove();
  });

  const start = async () => {
    const composer = await startComposer({ env: { ...database.env, COMPOSER_KEYS } });
    running.push(composer);
    return composer;
  };
  const sql = (text: string) =>
    asSuperuser((admin) => admin.query(text), new URL(database.env['DATABASE_URL']!).pathname.slice(1));
  const cli = (...args: readonly string[]): Promise<Ended> =>
    new RunningChild([process.execPath, CLI, ...args], { cwd: '/', env: { ...database.env, COMPOSER_KEYS } }).end();
  const events = async (composer: ComposerProcess, query = '') =>
    (await composer.api('GET', `/api/v1/audit${query}`)).body.items as Event[];
  const calls = async () =>
    (await sql(`SELECT body FROM audit_events WHERE action = 'tool.called' ORDER BY seq`)).rows.map(
      ({ body }: { body: string }) => JSON.parse(body) as Event,
    );
  const call = (composer: ComposerProcess) => callTool(composer.url, 'shop_get_order', { orderId: '7' });

  it('tells what was changed and what was called, without anything that was said or is secret', async () => {
    const composer = await start();
    const config = service.member('shop', { auth_strategy: 'bearer', auth: { token: SECRET } });
    expect((await composer.api('POST', '/api/v1/servers', config)).status).toBe(201);
    await composer.api('PATCH', '/api/v1/servers/shop', { label: 'Shop', auth: { token: `${SECRET}-2` } });
    await call(composer);
    await callTool(composer.url, 'no_such_tool', {}).catch(() => undefined);
    await callTool(composer.url, 'deactivate_mcp_server', { server_id: 'shop' });
    await callTool(composer.url, 'activate_mcp_server', { server_id: 'shop' });
    await callTool(composer.url, 'delete_mcp_server', { server_id: 'nobody' });
    await until(async () => (await events(composer)).length >= 9, 'the calls to be recorded');

    const told = (await events(composer, '?order=oldest')).map(({ action, outcome, target }) => [
      action,
      outcome,
      target,
    ]);
    expect(told.filter(([action]) => action !== 'tool.called')).toEqual([
      ['server.registered', 'done', 'server:shop'],
      ['server.updated', 'done', 'server:shop'],
      ['server.deactivated', 'done', 'server:shop'],
      ['server.activated', 'done', 'server:shop'],
    ]);
    expect(told.filter(([action]) => action === 'tool.called')).toEqual([
      ['tool.called', 'done', 'tool:shop_get_order'],
      ['tool.called', 'refused', 'tool:no_such_tool'],
      ['tool.called', 'done', 'tool:deactivate_mcp_server'],
      ['tool.called', 'done', 'tool:activate_mcp_server'],
      ['tool.called', 'refused', 'tool:delete_mcp_server'],
    ]);
    const { body: page } = await composer.api('GET', '/api/v1/audit?action=server.&limit=2');
    expect(page).toMatchObject({ items: [{ action: 'server.activated' }, { action: 'server.deactivated' }] });
    const { body: last } = await composer.api('GET', `/api/v1/audit?action=server.&limit=2&cursor=${page.next}`);
    expect(last.items).toMatchObject([
      {
        action: 'server.updated',
        detail: { version: 2, secrets: ['auth.token'] },
        after: { auth: { token: { set: true } } },
      },
      { action: 'server.registered', actor: { kind: 'principal' } },
    ]);
    expect(last).not.toHaveProperty('next');
    expect(JSON.stringify(await events(composer, '?limit=1000'))).not.toContain(SECRET);
  }, 60_000);

  it('refuses questions that cannot be asked, and names what is wrong with them', async () => {
    const composer = await start();
    const questions = {
      '?limit=0': 'limit',
      '?limit=1001': 'limit',
      '?cursor=-1': 'cursor',
      '?order=random': 'order',
      '?from=yesterday': 'from',
      '?action=': 'action',
      '?tenant=other': 'tenant',
      '/export?limit=5': 'limit',
      '/verification?anchor=1': 'anchor',
    };
    for (const [question, path] of Object.entries(questions)) {
      const { status, body } = await composer.api('GET', `/api/v1/audit${question}`);
      expect({ question, status, code: body.code, path: body.faults[0].path }).toEqual({
        question,
        status: 422,
        code: 'COMPOSER_AUDIT_QUERY_INVALID',
        path,
      });
    }
  });

  it('exports itself as lines, verifies itself, and holds what was called right before a stop', async () => {
    const composer = await start();
    const before = (await calls()).length;
    await call(composer);
    await call(composer);
    await composer.kill('SIGTERM');
    expect(await calls()).toHaveLength(before + 2);
    const next = await start();
    const { body: verified } = await next.api('GET', '/api/v1/audit/verification');
    expect(verified).toMatchObject({ intact: true, head: { seq: verified.checked } });
    const { headers, body } = await next.api('GET', '/api/v1/audit/export');
    expect(headers.get('content-type')).toBe('application/x-ndjson');
    const lines = (body as string)
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Event);
    expect(lines.map(({ seq }) => seq)).toEqual(Array.from({ length: verified.checked }, (_, n) => n + 1));
    expect(lines.at(-1)).toMatchObject({ action: 'tool.called', hash: verified.head.hash });

    await next.kill('SIGTERM');
    const exported = await cli('audit', 'export', '--tenant', 'default');
    expect(exported).toMatchObject({ code: 0, stdout: body });
    expect(await cli('audit', 'verify')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^default: \d+ events/),
    });
  }, 60_000);

  it('of a strict tenant holds every call that was answered, however soon the process is killed', async () => {
    await sql(`UPDATE tenants SET audit_mode = 'strict' WHERE slug = 'default'`);
    for (let round = 1; round <= 3; round++) {
      const composer = await start();
      const before = (await calls()).length;
      await call(composer);
      await composer.kill('SIGKILL');
      expect((await calls()).slice(before)).toMatchObject([{ outcome: 'done', target: 'tool:shop_get_order' }]);
    }
    await sql(`UPDATE tenants SET audit_mode = 'batched' WHERE slug = 'default'`);
  }, 60_000);

  it('is shown by both the command line and the API to have been tampered with, and where', async () => {
    const composer = await start();
    const { seq, hash } = (await events(composer, '?limit=1'))[0]!;
    await sql(`UPDATE audit_events SET body = replace(body, 'done', 'gone') WHERE seq = 2`);
    const { body } = await composer.api('GET', '/api/v1/audit/verification');
    expect(body).toMatchObject({ intact: false, checked: 1, fault: { seq: 2, kind: 'body' } });
    await sql(`UPDATE audit_events SET body = replace(body, 'gone', 'done') WHERE seq = 2`);
    const anchored = await composer.api('GET', `/api/v1/audit/verification?anchor=${seq}:${hash}`);
    expect(anchored.body).toMatchObject({ intact: true });
    await composer.kill('SIGTERM');

    await sql(`DELETE FROM audit_events WHERE seq = 3`);
    const text = await cli('audit', 'verify', '--tenant', 'default');
    expect(text).toMatchObject({ code: 1, stdout: 'default: event 3: this event is gone\n' });
    expect(await cli('audit', 'verify', '--tenant', 'default', '--after', '4')).toMatchObject({ code: 0 });
    const json = await cli('audit', 'verify', '--json');
    expect(json.code).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({
      intact: false,
      trails: [{ tenant: 'default', fault: { seq: 3, kind: 'missing' } }],
    });
    expect(await cli('audit', 'verify', '--tenant', 'nobody')).toMatchObject({ code: 1 });
    expect(await cli('audit', 'verify', '--anchor', `1:${hash}`)).toMatchObject({ code: 2 });
    expect(await cli('audit', 'export')).toMatchObject({ code: 2 });
  }, 60_000);
});
