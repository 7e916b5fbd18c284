import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ROUTES, type RouteRow, SERVICE, filled, nameOf, unknownLike } from '../fixtures/cross-tenant-routes.js';
import type { HttpAnswer } from '../fixtures/mcp-clients.js';
import { type Asked, type TwoEstates, ask, openTwoEstates, shown } from '../fixtures/two-estates.js';

let two: TwoEstates;
beforeAll(async () => void (two = await openTwoEstates()), 120_000);
afterAll(() => two?.stop());

const of = (...kinds: readonly RouteRow['kind'][]) => ROUTES.filter(({ kind }) => kinds.includes(kind));
const asGlobex = (asked: Asked) => ask(two.composer.url, two.globex.admin.key, asked);
const foreignOf = ({ thing }: RouteRow): string => (thing ? two.acme.ids[thing] : '');

/** The request of a row at this path. */
const at = ({ method, body }: RouteRow, path: string): Asked => ({
  method,
  path,
  ...(body === undefined
    ? {}
    : { body: JSON.parse(JSON.stringify(body).replaceAll(SERVICE, two.globex.service.url)) as object }),
});

/** What must not happen to acme, whatever somebody else asks for. */
async function leavesAcmeAlone(work: () => Promise<void>): Promise<void> {
  const before = await two.rows();
  expect(before.length).toBeGreaterThan(30);
  await work();
  expect(await two.rows()).toEqual(before);
}

/** Every way to name a tenant besides the credential. */
function namings(): readonly ((asked: Asked) => Asked | undefined)[] {
  return ['acme', two.tenantIds.acme].flatMap((tenant) => [
    ...['x-tenant-id', 'x-tenant', 'x-forwarded-tenant', 'tenant'].map((name) => (asked: Asked) => ({
      ...asked,
      headers: { [name]: tenant },
    })),
    ...['tenant', 'tenantId', 'tenant_id'].map((name) => (asked: Asked) => ({
      ...asked,
      path: `${asked.path}?${name}=${tenant}`,
    })),
    ...['tenant', 'tenantId', 'tenant_id'].map(
      (name) => (asked: Asked) =>
        asked.body === undefined ? undefined : { ...asked, body: { ...(asked.body as object), [name]: tenant } },
    ),
  ]);
}

/** Stands in everything of acme's, and in nothing that anybody else says here. */
const ACMES = /of acme|only_acme/;
const isRefusal = ({ status }: HttpAnswer): boolean => status >= 400 && status < 500;

it('has a row for every route that the composer serves, and for no other', () => {
  const rows = ROUTES.map(nameOf);
  expect({
    withoutRow: two.composer.routes.filter((route) => !rows.includes(route)),
    withoutRoute: rows.filter((name) => !two.composer.routes.includes(name)),
  }).toEqual({ withoutRow: [], withoutRoute: [] });
  expect(new Set(rows).size).toBe(rows.length);
});

describe('what belongs to another tenant', () => {
  it.each(['globex', 'operator'] as const)(
    'answers the %s like what is not there, byte for byte',
    async (who) => {
      const { key } = who === 'globex' ? two.globex.admin : two.operator;
      await leavesAcmeAlone(async () => {
        for (const row of of('item')) {
          const id = foreignOf(row);
          const pairs = [[filled(row, id, '1'), filled(row, unknownLike(id), '1')]];
          if (row.child) pairs.push([filled(row, 'twin', row.child.foreign), filled(row, 'twin', row.child.unknown)]);
          for (const [foreign = '', unknown = ''] of pairs) {
            const [theirs, nobodys] = [
              await ask(two.composer.url, key, at(row, foreign)),
              await ask(two.composer.url, key, at(row, unknown)),
            ];
            expect([foreign, shown(theirs)]).toEqual([foreign, shown(nobodys)]);
            // Of another tenant an operator is no administrator either.
            expect([foreign, theirs.status]).toEqual([foreign, who === 'globex' ? 404 : expect.any(Number)]);
            expect(isRefusal(theirs)).toBe(true);
          }
        }
      });
    },
    60_000,
  );

  it('leaves its name free', async () => {
    await leavesAcmeAlone(async () => {
      for (const row of of('naming')) {
        const texts: string[] = [];
        for (const name of [foreignOf(row), unknownLike(foreignOf(row))]) {
          const path = filled(row, name);
          const answer = await asGlobex(at(row, path));
          expect([path, answer.status]).toEqual([path, row.path.includes('virtual') ? 201 : 200]);
          texts.push(plain(answer, name));
          expect((await asGlobex({ method: 'DELETE', path })).status).toBe(204);
        }
        expect(texts[0]).toBe(texts[1]);
      }
    });
  });

  it('is nothing that a body can refer to', async () => {
    const { acme } = two;
    const references: [route: string, body: (id: string) => object, id: string][] = [
      ['POST api-keys', (principal) => ({ principal }), acme.ids.principal],
      ['POST api-keys', (role) => ({ role }), acme.ids.role],
      ['POST principals', (role) => ({ name: 'x', roles: [role] }), acme.ids.role],
      [`PATCH principals/${two.globex.ids.principal}`, (role) => ({ roles: [role] }), acme.ids.role],
      ['POST oauth-clients', (id) => ({ name: 'x', principal_id: id }), acme.ids.principal],
      ['POST revocations', (server) => ({ server }), acme.ids.server],
      ['POST revocations', (principal) => ({ principal }), acme.ids.principal],
      ['POST revocations', (issuer) => ({ issuer }), 'http://127.0.0.1:1/idp-of-acme'],
      ['POST revocations', (tenant) => ({ tenant }), 'acme'],
      ['POST revocations', (tenant) => ({ tenant, server: 'twin' }), 'acme'],
      ['POST revocations', (tenant) => ({ tenant, principal: acme.ids.principal }), 'acme'],
    ];
    await leavesAcmeAlone(async () => {
      for (const [route, body, id] of references) {
        const [method = '', path = ''] = route.split(' ');
        const answers = [id, unknownLike(id)].map(async (one) => {
          const answer = await asGlobex({ method, path: `/api/v1/${path}`, body: body(one) });
          return { status: answer.status, text: plain(answer, one) };
        });
        const [theirs, nobodys] = await Promise.all(answers);
        expect({ route, id, ...theirs }).toEqual({ route, id, ...nobodys });
        expect([route, id, theirs!.status >= 400 && theirs!.status < 500]).toEqual([route, id, true]);
      }
    });
  }, 60_000);

  it('is nothing that a query can find', async () => {
    const { json } = await two.acme.admin.api('GET', '/audit?limit=1');
    const [last] = json.items as { seq: number; hash: string }[];
    const { principal, server } = two.acme.ids;
    const queries: [query: (id: string) => string, id: string][] = [
      [(id) => `audit?target=server:${id}`, server],
      [(id) => `audit?actor=principal:${id}`, principal],
      [(id) => `audit/export?target=principal:${id}`, principal],
      [(id) => `audit/verification?anchor=${last!.seq}:${id}`, last!.hash],
      [(id) => `principals?after=${id}`, principal],
    ];
    for (const [query, id] of queries) {
      const [theirs, nobodys] = await Promise.all(
        [id, unknownLike(id)].map(async (one) => {
          const answer = await asGlobex({ method: 'GET', path: `/api/v1/${query(one)}` });
          return `${answer.status} ${plain(answer, one)}`;
        }),
      );
      expect([query(''), theirs]).toEqual([query(''), nobodys]);
      expect(theirs).not.toMatch(ACMES);
    }
  });

  it('is not found by operators’ routes, which refuse everybody else alike', async () => {
    await leavesAcmeAlone(async () => {
      for (const row of of('operator')) {
        const slugs = row.path.includes(':') ? ['acme', 'globex', 'nobody'] : [''];
        const texts = await Promise.all(slugs.map(async (slug) => shown(await asGlobex(at(row, filled(row, slug))))));
        expect([nameOf(row), new Set(texts).size]).toEqual([nameOf(row), 1]);
        expect(texts[0]).toMatch(/^403 /);
      }
    });
  });
});

describe('naming another tenant', () => {
  it('in headers, query or body changes no answer about the caller’s own things', async () => {
    await leavesAcmeAlone(async () => {
      const own = { ...two.globex.ids, server: 'twin', role: 'twin', issuer: 'twin', virtualServer: 'twin-view' };
      const rows = of('public', 'collection', 'item').filter(({ method }) => ['GET', 'HEAD'].includes(method));
      for (const row of rows) {
        const path = filled(row, row.thing ? own[row.thing] : 'mcp');
        // The documentation's page has links that depend on its own address, and not all of its files.
        const isPage = path.startsWith('/docs');
        const baseline = shown(await asGlobex({ method: row.method, path }));
        if (!isPage) expect([path, baseline]).toEqual([path, expect.stringMatching(/^200 /)]);
        expect([path, ACMES.test(baseline)]).toEqual([path, false]);
        for (const name of namings()) {
          const asked = name({ method: row.method, path });
          if (!asked) continue;
          const answer = await asGlobex(asked);
          if (!isRefusal(answer) && !isPage) expect([nameOf(row), shown(answer)]).toEqual([nameOf(row), baseline]);
          expect(answer.text).not.toMatch(ACMES);
        }
      }
    });
  }, 120_000);

  it('makes nothing of it reachable', async () => {
    await leavesAcmeAlone(async () => {
      for (const row of of('item')) {
        const foreign = at(row, filled(row, foreignOf(row), '1'));
        const unknown = shown(await asGlobex(at(row, filled(row, unknownLike(foreignOf(row)), '1'))));
        for (const name of namings()) {
          const asked = name(foreign);
          if (!asked) continue;
          const answer = await asGlobex(asked);
          expect([nameOf(row), isRefusal(answer)]).toEqual([nameOf(row), true]);
          if (answer.status === 404) expect(shown(answer)).toBe(unknown);
        }
      }
    });
  }, 120_000);

  it('makes nothing in it', async () => {
    await leavesAcmeAlone(async () => {
      for (const row of of('creation', 'naming', 'operator')) {
        const statuses: number[] = [];
        for (const name of namings()) {
          const asked = name(at(row, filled(row, 'made-by-globex')));
          if (!asked) continue;
          const answer = await asGlobex(asked);
          statuses.push(answer.status);
          expect(answer.text).not.toMatch(ACMES);
        }
        const isRevocation = row.path.endsWith('/revocations');
        const expected = row.kind === 'operator' ? [403] : isRevocation ? [422, 404] : [200, 201, 409, 422];
        expect([nameOf(row), statuses.filter((status) => !expected.includes(status))]).toEqual([nameOf(row), []]);
        // Where nothing is made at all this says nothing.
        if (row.kind !== 'operator' && !isRevocation) expect(statuses.filter((s) => s < 300)).not.toEqual([]);
        if (row.kind === 'naming') await asGlobex({ method: 'DELETE', path: filled(row, 'made-by-globex') });
      }
    });
  }, 120_000);
});

it('does not reach things of the same name by changing and deleting one’s own', async () => {
  await leavesAcmeAlone(async () => {
    const { principal, key, client } = two.globex.ids;
    const names = { server: 'twin', role: 'twin', virtualServer: 'twin-view', issuer: 'twin', principal, key, client };
    const writes = of('item', 'naming').filter(({ method }) => !['GET', 'HEAD'].includes(method));
    // A principal takes its keys with it: what hangs on others goes first.
    const last = (row: RouteRow): number => (row.method !== 'DELETE' ? 0 : row.thing === 'principal' ? 2 : 1);
    for (const row of writes.sort((a, b) => last(a) - last(b))) {
      const path = filled(row, names[row.thing!], '1');
      const answer = await asGlobex(at(row, path));
      expect([row.method, path, answer.text, answer.status < 300]).toEqual([row.method, path, answer.text, true]);
    }
  });
  for (const path of ['servers/twin', 'roles/twin', 'issuers/twin', 'virtual-servers/twin-view']) {
    expect((await asGlobex({ method: 'GET', path: `/api/v1/${path}` })).status).toBe(404);
    expect((await two.acme.admin.api('GET', `/${path}`)).status).toBe(200);
  }
});

/** The body, but for the request's id, times, how long it took, and the id that was asked for. */
function plain({ text, json }: HttpAnswer, id: string): string {
  const requestId: unknown = json?.requestId;
  return (typeof requestId === 'string' ? text.replaceAll(requestId, '<request>') : text)
    .replaceAll(id, '<id>')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>')
    .replaceAll(/"took_ms":\d+/g, '"took_ms":0');
}
