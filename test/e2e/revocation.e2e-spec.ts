import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { until } from '#persistence/testing';
import { sendModern } from '../fixtures/mcp-clients.js';
import { startOidcIssuer } from '../fixtures/oidc-issuer.js';
import { type RestService, startRestService } from '../fixtures/rest-service.js';
import { type LoadTarget, SteadyLoad } from '../fixtures/steady-load.js';
import { type TwoRoles, openTwoRoles } from '../fixtures/two-roles.js';
import { type CommandLine, commandLine } from '../support/command-line.js';
import { type ComposerProcess, startComposer } from '../support/composer-process.js';

const WITHIN_MS = 2_000;
const TOOL = 'shop_get_order';

interface Tenant {
  readonly slug: string;
  /** Of an administrator. */
  readonly admin: string;
  /** Of a caller, and the principal that it belongs to. */
  readonly caller: string;
  readonly callerId: string;
}

describe('the kill switch, with three composers on one Postgres under load', () => {
  let database: TwoRoles;
  let service: RestService;
  let env: Record<string, string>;
  let command: CommandLine;
  let operator: string;
  let composers: ComposerProcess[] = [];
  let serial = 0;
  const loads: SteadyLoad[] = [];

  beforeAll(async () => {
    [database, service] = await Promise.all([
      openTwoRoles(),
      // Order 13 is never found: whoever asks for it waits.
      startRestService({ answer: ({ url }) => (/13$/.test(url) ? new Promise(() => undefined) : undefined) }),
    ]);
    env = {
      ...database.env,
      COMPOSER_KEYS: `test:${randomBytes(32).toString('base64')}`,
      COMPOSER_STAGE: 'production',
      EGRESS_ALLOW: '127.0.0.1:*',
    };
    command = commandLine(env);
    operator = (await command.json('key', 'create', '--tenant', 'default', '--role', 'operator')).key;
    composers = await Promise.all([1, 2, 3].map(() => startComposer({ env })));
  }, 120_000);
  afterEach(async () => void (await Promise.all(loads.splice(0).map((load) => load.stop()))));
  afterAll(async () => {
    await Promise.all(composers.map((composer) => composer.stop()));
    command?.remove();
    await service?.stop();
    await database?.remove();
  }, 60_000);

  /** The switch says in the log, too, that it was used. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests read into it without declaring every shape
  const revoke = async (...args: readonly string[]): Promise<any> => {
    const { code, stdout, stderr } = await command.run('revoke', ...args, '--json');
    if (code !== 0) throw new Error(`revoke ${args.join(' ')} gave ${code}: ${stdout}${stderr}`);
    return JSON.parse(stdout);
  };
  const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
  const ask = async (by: string, [method, path]: readonly [string, string], body: object) => {
    const answer = await fetch(`${composers[0]!.url}/api/v1/${path}`, {
      method,
      headers: { ...bearer(by), 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  };
  const made = async (by: string, path: string, body: object) => {
    const answer = await ask(by, ['POST', path], body);
    expect(answer).toMatchObject({ status: 201 });
    return answer.body;
  };
  const member = (id: string) => service.member(id, { auth_strategy: 'bearer', auth: { token: 'of-the-shop' } });
  /** A tenant with two members, served by every composer. */
  const tenant = async (): Promise<Tenant> => {
    const slug = `acme-${++serial}`;
    await made(operator, 'tenants', { slug });
    const admin = await command.json('key', 'create', '--tenant', slug, '--role', 'admin');
    for (const id of ['shop', 'store']) await made(admin.key, 'servers', member(id));
    const caller = await made(admin.key, 'api-keys', { role: 'caller', name: 'robot' });
    return { slug, admin: admin.key, caller: String(caller['key']), callerId: String(caller['principal']) };
  };
  const targetsOf = (credential: string, tool = TOOL): LoadTarget[] =>
    composers.map(({ url }) => ({ url, tool, args: { orderId: '7' }, headers: bearer(credential) }));
  const isServed = (load: SteadyLoad, targets: readonly LoadTarget[]) =>
    until(
      () => targets.every((target) => load.of(target).at(-1)?.isOk),
      `calls to succeed: ${JSON.stringify(load.failures().at(-1))}`,
      10_000,
    );
  const under = async (...groups: readonly LoadTarget[][]): Promise<SteadyLoad> => {
    const load = new SteadyLoad(groups.flat());
    loads.push(load);
    await isServed(load, groups.flat());
    return load;
  };

  /** Revokes, and proves that none of `hit` is served after that while all of `spared` always are. */
  const proves = async (
    args: readonly string[],
    { hit, spared }: { readonly hit: readonly LoadTarget[]; readonly spared: readonly LoadTarget[] },
  ) => {
    const load = await under([...hit], [...spared]);
    const begunAt = performance.now();
    const report = await revoke(...args);
    const returnedAt = performance.now();
    const after = (target: LoadTarget) => load.of(target).filter(({ sentAt }) => sentAt > returnedAt);
    await until(() => [...hit, ...spared].every((target) => after(target).length > 20), 'calls after the end');
    await load.stop();
    const served = hit.flatMap((target) => load.of(target)).filter(({ isOk }) => isOk);
    expect(served.filter(({ answeredAt }) => answeredAt > returnedAt)).toEqual([]);
    const failed = spared.flatMap((target) => load.of(target)).filter(({ isOk, sentAt }) => !isOk && sentAt > begunAt);
    expect(failed).toEqual([]);
    // The clock of the database is that of this machine: it says when the change was announced, just before its commit.
    const changedAt = await database.lastChangeAt();
    const lastAt = performance.timeOrigin + load.lastSuccessAt(hit);
    expect(lastAt - changedAt).toBeLessThan(WITHIN_MS);
    expect(report).toMatchObject({ confirmed: true, notConfirmed: [] });
    expect(report.tookMs).toBeLessThan(WITHIN_MS);
    return { report, refusals: hit.map((target) => load.of(target).at(-1)!.complaint) };
  };

  it('stops a tenant', async () => {
    const [hit, spared] = [await tenant(), await tenant()];
    const { report, refusals } = await proves(['--tenant', hit.slug], {
      hit: targetsOf(hit.caller),
      spared: targetsOf(spared.caller),
    });
    for (const refusal of refusals) expect(refusal).toMatch(/^401 /);
    expect(report.remaining).toContainEqual(expect.objectContaining({ kind: 'member_credential', id: 'shop' }));
    const again = await revoke('--tenant', hit.slug);
    expect(again.stopped).toMatchObject([{ kind: 'tenant', isOld: true }]);

    await command.json('tenant', 'resume', hit.slug);
    await under(targetsOf(hit.caller));
  }, 120_000);

  it('stops a principal with its keys, and nobody else of the tenant', async () => {
    const one = await tenant();
    const { report } = await proves(['--principal', one.callerId, '--tenant', one.slug], {
      hit: targetsOf(one.caller),
      spared: targetsOf(one.admin),
    });
    expect(report.stopped.map(({ kind }: { kind: string }) => kind)).toEqual(['principal', 'api_key']);
  }, 120_000);

  it('stops a server, and no other one of the tenant', async () => {
    const [one, other] = [await tenant(), await tenant()];
    await proves(['--server', 'shop', '--tenant', one.slug], {
      hit: targetsOf(one.caller),
      spared: [...targetsOf(one.caller, 'store_get_order'), ...targetsOf(other.caller)],
    });
  }, 120_000);

  it('stops an issuer, and no key of a tenant that trusted it', async () => {
    const [idp, one] = [await startOidcIssuer(), await tenant()];
    try {
      const audience = 'https://composer.example/mcp';
      const trusted = { issuer: idp.issuer, audiences: [audience], default_roles: ['caller'], algorithms: ['ES256'] };
      expect(await ask(one.admin, ['PUT', 'issuers/idp'], trusted)).toMatchObject({ status: 200 });
      const { report } = await proves(['--issuer', idp.issuer], {
        hit: targetsOf(await idp.token({ resource: audience })),
        spared: targetsOf(one.caller),
      });
      expect(report.stopped).toContainEqual(expect.objectContaining({ kind: 'issuer', id: 'idp', isOld: false }));
      expect(report.remaining).toContainEqual(expect.objectContaining({ kind: 'issuer_tokens', id: idp.issuer }));
    } finally {
      await idp.stop();
    }
  }, 120_000);

  it('ends the calls that run and the streams that are open, on every composer, and no one else’s', async () => {
    const [one, other] = [await tenant(), await tenant()];
    await under(targetsOf(one.caller), targetsOf(other.caller)); // every composer serves them
    service.forget();
    const ended: string[] = [];
    const open = (who: string, credential: string, { url }: ComposerProcess): Promise<void>[] => {
      const params = { name: TOOL, arguments: { orderId: '13' } };
      const call = sendModern(url, { id: 1, method: 'tools/call', params }, bearer(credential));
      const stream = sendModern(
        url,
        { id: 2, method: 'subscriptions/listen', params: { notifications: { toolsListChanged: true } } },
        { ...bearer(credential) },
      );
      const noted = (what: string) => () => void ended.push(`${who} ${what}`);
      return [call.then(noted('call'), noted('call')), stream.then(noted('stream'), noted('stream'))];
    };
    const all = composers.flatMap((composer) => [
      ...open('revoked', one.caller, composer),
      ...open('spared', other.caller, composer),
    ]);
    const running = () => service.calls().filter(({ url }) => url.endsWith('13')).length;
    await until(() => running() === 2 * composers.length, 'all calls to arrive', 5_000);
    await command.json('revoke', '--principal', one.callerId, '--tenant', one.slug);
    const returnedAt = performance.now();
    await until(() => ended.length === 2 * composers.length, `all to end, not only ${ended.join()}`, WITHIN_MS);
    expect(performance.now() - returnedAt).toBeLessThan(WITHIN_MS);
    expect(ended.filter((what) => what.startsWith('spared'))).toEqual([]);
    await command.json('revoke', '--tenant', other.slug);
    await Promise.all(all);
  }, 120_000);

  it('is there for administrators over the network, in their own tenant alone', async () => {
    const [one, other] = [await tenant(), await tenant()];
    expect((await ask(one.caller, ['POST', 'revocations'], { server: 'shop' })).status).toBe(403);
    expect((await ask(one.admin, ['POST', 'revocations'], { tenant: one.slug })).status).toBe(403);
    const strangers = await Promise.all(
      [other.slug, 'there-is-none'].map((slug) =>
        ask(one.admin, ['POST', 'revocations'], { tenant: slug, server: 'shop' }),
      ),
    );
    expect(strangers.map(({ status, body }) => [status, body['code']])).toEqual([
      [404, 'COMPOSER_TENANT_UNKNOWN'],
      [404, 'COMPOSER_TENANT_UNKNOWN'],
    ]);
    const [hit, spared] = [targetsOf(one.caller), targetsOf(other.caller)];
    const load = await under(hit, spared);
    const done = await ask(one.admin, ['POST', 'revocations'], { principal: one.callerId });
    const answeredAt = performance.now();
    expect(done).toMatchObject({ status: 200, body: { confirmed: true, not_confirmed: [] } });
    const after = (target: LoadTarget) => load.of(target).filter(({ sentAt }) => sentAt > answeredAt);
    await until(() => [...hit, ...spared].every((target) => after(target).length > 20), 'calls after the end');
    expect(load.lastSuccessAt(hit)).toBeLessThan(answeredAt);
    expect(spared.flatMap(after).filter(({ isOk }) => !isOk)).toEqual([]);
  }, 120_000);

  it('says that nothing is confirmed by a process that is cut off, and exits with 1', async () => {
    const one = await tenant();
    const last = composers.pop()!;
    await last.kill('SIGKILL');
    const { code, stdout } = await command.run('revoke', '--principal', one.callerId, '--tenant', one.slug);
    expect([code, stdout]).toEqual([1, expect.stringContaining(`:${last.pid}, silent for`)]);
  }, 60_000);
});
