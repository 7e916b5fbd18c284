import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type TenantId, tenantId } from '#kernel';
import {
  type CloudantServer,
  type Fault,
  type OpenCloudantDocuments,
  openCloudantDocuments,
  openCloudantServer,
  until,
} from '../../testing/index.js';
import type { CloudantConfig } from '../persistence.config.js';

const digest = (letter: string): string => letter.repeat(32);
const conflict = { code: 'COMPOSER_DOCUMENT_CONFLICT' };
const unknown = { code: 'COMPOSER_DATABASE_COMMIT_UNKNOWN' };
const unavailable = { code: 'COMPOSER_DATABASE_UNAVAILABLE', retryable: true };

describe('documents on a Cloudant with bad days', () => {
  let server: CloudantServer;
  let config: CloudantConfig;
  let open: OpenCloudantDocuments;
  let tenant: TenantId;
  const ref = () => ({ partition: tenant, path: 'a/1' });
  const id = () => `${tenant}:a/1`;
  const on = (method: string, fault: Fault, more: object = {}) =>
    server.front.faults.inject({ method, path: /a\/1$/, fault, ...more });
  const asked = (method: string) =>
    server.front.requests.filter((one) => one.method === method && one.path.endsWith(id()));

  beforeAll(async () => {
    server = await openCloudantServer();
    config = server.database();
    open = await openCloudantDocuments(config);
  });
  afterAll(async () => {
    await open?.close();
    await server?.close();
  });
  beforeEach(() => void (tenant = tenantId(randomUUID())));
  afterEach(() => server.front.faults.clear());

  it.each([
    ['too many requests', { kind: 'answer', status: 429 }],
    ['being busy', { kind: 'answer', status: 503 }],
    ['breaking inside', { kind: 'answer', status: 500 }],
    ['breaking the connection when it was done', { kind: 'cut' }],
    ['accepting on too few nodes', { kind: 'accepted' }],
    ['accepting and forgetting', { kind: 'lost' }],
  ] as const)('outlives %s, three times in a row', async (_, fault) => {
    on('GET', fault, { times: fault.kind === 'lost' ? 0 : 3 });
    on('PUT', fault, { times: 3 });
    const first = await open.documents.write(ref(), { n: 1 });
    expect(await open.documents.read(ref())).toMatchObject({ rev: first, body: { n: 1 } });
    server.front.faults.clear();
    on('PUT', fault, { times: 3 });
    const second = await open.documents.write(ref(), { n: 2 }, first);
    expect(await open.documents.read(ref())).toMatchObject({ rev: second, body: { n: 2 } });
    server.front.faults.clear();
    await expect(open.documents.write(ref(), { n: 3 }, first)).rejects.toMatchObject(conflict);
    on('DELETE', fault, { times: 3 });
    await open.documents.remove(ref(), second);
    expect(await open.documents.read(ref())).toBeUndefined();
  });

  it('tells a conflict of somebody else from one with its own write whose answer was lost', async () => {
    const first = await open.documents.write(ref(), { n: 1 });
    await expect(open.documents.write(ref(), { n: 2 })).rejects.toMatchObject(conflict);
    on('PUT', { kind: 'cut' }, { times: 1 });
    const second = await open.documents.write(ref(), { n: 2 }, first);
    expect(await open.documents.read(ref())).toEqual({ path: 'a/1', rev: second, body: { n: 2 } });
  });

  it('takes no other try of its own write for the change of somebody else', async () => {
    const cutAndLost = () => {
      on('PUT', { kind: 'cut' }, { times: 1 });
      on('PUT', { kind: 'lost' }, { times: 1 });
    };
    cutAndLost();
    const first = await open.documents.write(ref(), { n: 1 });
    expect(await open.documents.read(ref())).toMatchObject({ rev: first, body: { n: 1 } });
    cutAndLost();
    const second = await open.documents.write(ref(), { n: 2 }, first);
    expect(await open.documents.read(ref())).toMatchObject({ rev: second, body: { n: 2 } });
    expect([...server.front.faults.befallen]).toEqual([
      ['cut', 2],
      ['lost', 2],
    ]);
  });

  it('knows its own write again that others have gone on from before it was asked for', async () => {
    const first = await open.documents.write(ref(), { n: 1 });
    on('PUT', { kind: 'cut' }, { times: 1 });
    on('PUT', { kind: 'answer', status: 503 }, { times: 4 });
    const writing = open.documents.write(ref(), { n: 2 }, first);
    while ((await server.raw(config.database)).some(({ _id, b }) => _id === id() && (b as { n: number }).n === 1));
    server.front.faults.clear();
    const other = await openCloudantDocuments(config);
    const { rev } = (await other.documents.read(ref()))!;
    const third = await other.documents.write(ref(), { n: 3 }, rev);
    expect(await writing).toBe(rev);
    expect(await open.documents.read(ref())).toMatchObject({ rev: third, body: { n: 3 } });
    await other.close();
  });

  describe('in doubt whether its own change came through, and finds others behind the state', () => {
    /** Begins a change that may have been carried out, and goes on when others have changed the document. */
    const change = async (
      begin: (rev: string) => Promise<unknown>,
      { between, last = { b: { n: 3 } } }: { between?: object; last?: object } = {},
    ) => {
      const first = await open.documents.write(ref(), { n: 1 });
      const busy = { kind: 'answer', status: 503 } as const;
      for (const method of ['PUT', 'DELETE']) on(method, busy);
      const settled = Promise.allSettled([begin(first)]);
      while (asked('PUT').length + asked('DELETE').length < 2) await new Promise(setImmediate);
      const history = [digest('e'), first.slice(2)];
      const planted = { _id: id(), _rev: `2-${digest('e')}`, _revisions: { start: 2, ids: history } };
      if (between) await server.plant(config.database, { ...planted, ...between });
      const third = { _id: id(), _rev: `3-${digest('f')}`, _revisions: { start: 3, ids: [digest('f'), ...history] } };
      await server.plant(config.database, { ...third, ...last });
      server.front.faults.clear();
      const [result] = await settled;
      const left = await open.documents.read(ref());
      expect(left?.rev).toBe('b' in last ? third._rev : undefined);
      return result;
    };
    const write = (rev: string) => open.documents.write(ref(), { n: 2 }, rev);
    const remove = (rev: string) => open.documents.remove(ref(), rev);
    const rejected = (reason: object) => expect.objectContaining({ reason: expect.objectContaining(reason) });

    it('says so where that state can be read no more', async () => {
      for (const begin of [write, remove]) {
        expect(await change(begin)).toEqual(rejected(unknown));
        tenant = tenantId(randomUUID());
      }
      expect(await change(write, { last: { _deleted: true } })).toEqual(rejected(unknown));
    });

    it('says that somebody else was faster where it was his', async () => {
      expect(await change(write, { between: { w: 'his', b: { n: 2 } } })).toEqual(rejected(conflict));
      tenant = tenantId(randomUUID());
      expect(await change(remove, { between: { w: 'his', b: { n: 2 } } })).toEqual(rejected(conflict));
    });

    it('says that it is removed where somebody made it anew', async () => {
      expect(await change(remove, { between: { _deleted: true } })).toMatchObject({ status: 'fulfilled' });
    });
  });

  it('asks again where a node takes for a conflict what is none, and not for ever', async () => {
    const refuse = (method: string, times: number) => on(method, { kind: 'answer', status: 409 }, { times });
    refuse('PUT', 2);
    const first = await open.documents.write(ref(), { n: 1 });
    refuse('PUT', 2);
    const second = await open.documents.write(ref(), { n: 2 }, first);
    refuse('DELETE', 2);
    await open.documents.remove(ref(), second);
    expect(await open.documents.read(ref())).toBeUndefined();
    refuse('PUT', 10);
    await expect(open.documents.write(ref(), { n: 3 })).rejects.toMatchObject(conflict);
    expect(asked('PUT').length).toBeLessThan(16);
  });

  it('waits for a majority that comes late', async () => {
    on('PUT', { kind: 'accepted' });
    server.front.faults.inject({ method: 'POST', path: /_bulk_docs$/, fault: { kind: 'accepted' }, times: 2 });
    const rev = await open.documents.write(ref(), { n: 1 });
    expect(await open.documents.read(ref())).toMatchObject({ rev });
    expect(server.front.requests.filter(({ path }) => path.endsWith('_bulk_docs')).length).toBeGreaterThanOrEqual(3);
  });

  it('gives way to a change that won on other nodes, and clears its own away', async () => {
    const first = await open.documents.write(ref(), { n: 1 });
    const winner = {
      _id: id(),
      _rev: `2-${digest('f')}`,
      _revisions: { start: 2, ids: [digest('f'), first.slice(2)] },
    };
    on('PUT', { kind: 'accepted' });
    const writing = open.documents.write(ref(), { n: 'lost' }, first);
    const refused = expect(writing).rejects.toMatchObject(conflict);
    while (asked('PUT').length < 2) await new Promise(setImmediate);
    await server.plant(config.database, { ...winner, b: { n: 'won' } });
    await refused;
    expect(await open.documents.read(ref())).toMatchObject({ rev: winner._rev, body: { n: 'won' } });
    expect((await server.raw(config.database)).find(({ _id }) => _id === id())).not.toHaveProperty('_conflicts');
  });

  it('reads the same winner everywhere, and drops what lost', async () => {
    await server.plant(config.database, { _id: id(), _rev: `1-${digest('a')}`, b: { n: 'a' } });
    await server.plant(config.database, { _id: id(), _rev: `1-${digest('c')}`, b: { n: 'c' } });
    await server.plant(config.database, { _id: id(), _rev: `1-${digest('b')}`, b: { n: 'b' } });
    expect(await open.documents.read(ref())).toMatchObject({ body: { n: 'c' } });
    expect((await server.raw(config.database)).find(({ _id }) => _id === id())).not.toHaveProperty('_conflicts');
    expect(open.lines.join()).toContain('changed in two places at once');
    expect(open.lines.join()).not.toContain(tenant);
    await open.documents.remove(ref(), `1-${digest('c')}`);
    expect(await open.documents.read(ref())).toBeUndefined();
  });

  it('changes and removes no state that has lost meanwhile, and keeps the one that has won', async () => {
    const first = await open.documents.write(ref(), { n: 'lost' });
    const winner = `1-${digest('f')}`;
    await server.plant(config.database, { _id: id(), _rev: winner, b: { n: 'won' } });
    await expect(open.documents.remove(ref(), first)).rejects.toMatchObject(conflict);
    await expect(open.documents.write(ref(), { n: 'erased' }, first)).rejects.toMatchObject(conflict);
    expect(await open.documents.read(ref())).toMatchObject({ rev: winner, body: { n: 'won' } });
  });

  it('asks again what has won before it builds on what it wrote, and not right after it was read', async () => {
    const first = await open.documents.write(ref(), { n: 1 });
    const second = await open.documents.write(ref(), { n: 2 }, first);
    expect(asked('GET')).toHaveLength(1);
    await open.documents.read(ref());
    const third = await open.documents.write(ref(), { n: 3 }, second);
    expect(asked('GET')).toHaveLength(2);
    expect(asked('GET').map(({ query }) => /revs|attachments/.exec(query)?.[0])).toEqual([undefined, 'attachments']);
    await open.documents.remove(ref(), third);
    expect(await open.documents.read(ref())).toBeUndefined();
  });

  it('removes for good what had lost and comes up again', async () => {
    await server.plant(config.database, { _id: id(), _rev: `1-${digest('a')}`, b: { n: 'a' } });
    await server.plant(config.database, { _id: id(), _rev: `1-${digest('c')}`, b: { n: 'c' } });
    await open.documents.remove(ref(), `1-${digest('c')}`);
    expect(await open.documents.read(ref())).toBeUndefined();
  });

  it('leaves what was made anew after a removal that was not sure', async () => {
    const rev = await open.documents.write(ref(), { n: 1 });
    on('DELETE', { kind: 'accepted' }, { times: 1 });
    const removing = open.documents.remove(ref(), rev);
    while (asked('DELETE').length < 1) await new Promise(setImmediate);
    const again = await open.documents.write(ref(), { n: 2 });
    await removing;
    expect(await open.documents.read(ref())).toMatchObject({ rev: again });
  });

  it('gives many small documents in few answers, and large ones in answers that are not large', async () => {
    // A few at a time: each has a deadline, and waits for all that were begun before it.
    const write = async (prefix: string, count: number, bytes: number) => {
      const numbers = Array.from({ length: count }, (_, n) => n);
      while (numbers.length > 0) {
        await Promise.all(
          numbers.splice(0, 10).map((n) => {
            const body = { text: randomBytes(bytes).toString('base64') };
            return open.documents.write({ partition: tenant, path: `${prefix}/${n}` }, body);
          }),
        );
      }
    };
    const pages = async (prefix: string): Promise<{ readonly documents: number; readonly asked: number }> => {
      const from = server.front.requests.length;
      const found = await open.documents.range(tenant, { prefix: `${prefix}/` });
      const seen = server.front.requests.slice(from).filter(({ path }) => path.endsWith('_all_docs'));
      return { documents: new Set(found.map(({ path }) => path)).size, asked: seen.length };
    };
    await Promise.all([write('small', 120, 10), write('large', 19, 300_000)]);
    expect(await pages('small')).toEqual({ documents: 120, asked: 2 });
    expect(await pages('small')).toEqual({ documents: 120, asked: 1 });
    expect(await pages('large')).toEqual({ documents: 19, asked: 1 });
    expect(await pages('large')).toEqual({ documents: 19, asked: 5 });
  });

  it('is away within its deadline when nothing comes back, it is busy for long, or no majority comes', async () => {
    const begun = performance.now();
    const inject = (method: string, path: RegExp, fault: Fault) => server.front.faults.inject({ method, path, fault });
    inject('GET', /hangs$/, { kind: 'hang' });
    inject('GET', /busy$/, { kind: 'answer', status: 503 });
    inject('PUT', /alone$/, { kind: 'accepted' });
    inject('POST', /_bulk_docs$/, { kind: 'accepted' });
    const [partition, documents] = [tenant, open.documents];
    const elsewhere = { ...server.database(), url: 'http://127.0.0.1:9' };
    const ends = await Promise.allSettled([
      documents.read({ partition, path: 'hangs' }),
      documents.read({ partition, path: 'busy' }),
      documents.write({ partition, path: 'alone' }, { n: 1 }),
      openCloudantDocuments(elsewhere),
    ]);
    expect(performance.now() - begun).toBeLessThan(12_000);
    for (const end of ends) {
      const error = (end as PromiseRejectedResult).reason as Error;
      expect(error).toMatchObject(unavailable);
      expect(error.message).not.toMatch(/127\.0|:9|hangs/);
    }
  });

  it('tells at once that it is away once it has been for a while, and comes back by itself', async () => {
    const other = await openCloudantDocuments(config);
    server.front.faults.inject({ fault: { kind: 'answer', status: 503 } });
    const timed = async (work: () => Promise<unknown>) => {
      const begun = performance.now();
      const error = (await work().catch((failure: unknown) => failure)) as Error;
      return { ms: performance.now() - begun, error };
    };
    const first = await timed(() => other.documents.read(ref()));
    expect(first.error).toMatchObject(unavailable);
    const before = server.front.requests.length;
    const all = await Promise.all(Array.from({ length: 50 }, () => timed(() => other.documents.read(ref()))));
    for (const { ms, error } of [...all, await timed(() => other.connection.ping())]) {
      expect(error).toMatchObject({ ...unavailable, silentSeconds: expect.any(Number) });
      expect(error.message).toMatch(/\(503 service_unavailable\) and has answered nothing for [5-9] s; try again/);
      expect(ms).toBeLessThan(500);
    }
    expect(server.front.requests.length - before).toBeLessThan(3);
    server.front.faults.clear();
    await until(async () => (await timed(() => other.documents.read(ref()))).error === undefined, 'it', 3_000);
    await other.close();
  });

  it('pings within two seconds, well or not', async () => {
    await open.connection.ping();
    server.front.faults.inject({ method: 'HEAD', fault: { kind: 'hang' } });
    const begun = performance.now();
    await expect(open.connection.ping()).rejects.toMatchObject(unavailable);
    expect(performance.now() - begun).toBeLessThan(3_000);
  });
});

describe('the way into a Cloudant', () => {
  let server: CloudantServer;
  const ref = { partition: tenantId(randomUUID()), path: 'a/1' };
  beforeAll(async () => void (server = await openCloudantServer()));
  afterAll(() => server?.close());
  afterEach(() => {
    server.front.faults.clear();
    server.front.gatekeeper.lifetime = 3_600;
  });

  it.each([
    ['iam', 'Bearer'],
    ['basic', 'Basic'],
    ['session', 'Cookie'],
  ] as const)('is %s, with one log-in for many requests', async (way, scheme) => {
    const config = server.database(way);
    const before = server.front.gatekeeper.logins;
    const from = server.front.requests.length;
    const open = await openCloudantDocuments(config);
    await open.documents.write(ref, { n: 1 });
    await open.documents.read(ref);
    const seen = server.front.requests.slice(from).filter(({ path }) => path.includes(config.database));
    expect(new Set(seen.map((one) => one.scheme))).toEqual(new Set([scheme]));
    expect(server.front.gatekeeper.logins - before).toBe(way === 'basic' ? 0 : 1);
    await open.close();
  });

  it.each(['iam', 'session'] as const)('logs in again where %s ended before its time', async (way) => {
    const open = await openCloudantDocuments(server.database(way));
    server.front.gatekeeper.forget();
    await open.documents.write(ref, { n: 1 });
    expect(await open.documents.read(ref)).toMatchObject({ body: { n: 1 } });
    await open.close();
  });

  it.each(['iam', 'session'] as const)('logs in again before %s ends', async (way) => {
    server.front.gatekeeper.lifetime = 2;
    const open = await openCloudantDocuments(server.database(way));
    const before = server.front.gatekeeper.logins;
    const refusals = () => server.front.requests.filter(({ status }) => status === 401).length;
    const refused = refusals();
    while (server.front.gatekeeper.logins === before) await open.documents.read(ref);
    expect(refusals()).toBe(refused);
    await open.close();
  });

  it.each(['iam', 'basic', 'session'] as const)(
    'tells a refused credential for %s, and not the credential',
    async (way) => {
      const config = server.database(way);
      const secret = 'wrong-and-very-secret';
      const authentication = { ...config.authentication, [way === 'iam' ? 'apikey' : 'password']: secret };
      const error = (await openCloudantDocuments({ ...config, authentication }).catch(
        (failure: unknown) => failure,
      )) as Error;
      expect(error).toMatchObject(unavailable);
      expect(error.message).toContain('CLOUDANT_');
      expect(JSON.stringify([error.message, error.stack, (error.cause as Error).stack])).not.toContain(secret);
    },
  );

  it('holds its secrets where they are masked, and forgets them at the end', async () => {
    for (const way of ['iam', 'basic', 'session'] as const) {
      const { authentication, ...config } = server.database(way);
      const open = await openCloudantDocuments({ ...config, authentication });
      const secret = authentication.type === 'iam' ? authentication.apikey : authentication.password;
      expect(open.secrets.mask(`x ${secret} x`)).toBe('x [secret] x');
      await open.close();
      expect(open.secrets.mask(secret)).toBe(secret);
    }
  });

  it('makes a missing database, partitioned where the server can, and finds one that is there', async () => {
    const config = server.database();
    const opens = await Promise.all([1, 2, 3].map(() => openCloudantDocuments(config)));
    expect(opens.map(({ connection }) => connection.isPartitioned)).toEqual([true, true, true]);
    const made = server.front.requests.filter(({ method, path }) => method === 'PUT' && path === `/${config.database}`);
    expect(made.filter(({ status }) => status === 201)).toHaveLength(1);
    await Promise.all(opens.map((open) => open.close()));
    server.front.rules.hasPartitions = false;
    const plain = await openCloudantDocuments(server.database());
    expect(plain.connection.isPartitioned).toBe(false);
    server.front.rules.hasPartitions = true;
    await plain.close();
  });

  it('says that the database is gone, and does not take its documents for missing', async () => {
    const config = server.database();
    const open = await openCloudantDocuments(config);
    const basic = config.authentication as { username: string; password: string };
    const authorization = `Basic ${Buffer.from(`${basic.username}:${basic.password}`).toString('base64')}`;
    await fetch(`${server.front.url}/${config.database}`, { method: 'DELETE', headers: { authorization } });
    for (const work of [
      () => open.documents.read(ref),
      () => open.documents.range(ref.partition, { prefix: '' }),
      () => open.documents.write(ref, {}),
    ]) {
      await expect(work()).rejects.toMatchObject(unavailable);
      await expect(work()).rejects.toThrow('does not exist');
    }
    await open.close();
  });
});
