import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ROUTES, filled, nameOf } from '../fixtures/cross-tenant-routes.js';
import type { HttpAnswer } from '../fixtures/mcp-clients.js';
import { type TwoEstates, ask, openTwoEstates, shown } from '../fixtures/two-estates.js';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
const PKCE = 'code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256';
const BACK = 'http://127.0.0.1:1/back';

let two: TwoEstates;
/** An application of each tenant that people sign in with. */
let apps: Readonly<Record<'acme' | 'globex', string>>;

beforeAll(async () => {
  two = await openTwoEstates();
  const [acme = '', globex = ''] = await Promise.all(
    [two.acme, two.globex].map(async ({ admin, slug }) => {
      const wanted = { name: `app of ${slug}`, redirect_uris: [BACK], token_endpoint_auth_method: 'none' };
      return (await admin.api('POST', '/oauth-clients', wanted)).json.client_id as string;
    }),
  );
  apps = { acme, globex };
  // Signing keys are made when they are first asked for, by whomever.
  for (const slug of ['acme', 'globex']) expect(await get(`/t/${slug}/jwks`)).toMatchObject({ status: 200 });
}, 120_000);
afterAll(() => two?.stop());

const get = (path: string, headers?: Record<string, string>) =>
  ask(two.composer.url, undefined, { method: 'GET', path, ...(headers ? { headers } : {}) });
const form = (path: string, fields: Record<string, string>) =>
  ask(two.composer.url, undefined, { method: 'POST', path, body: new URLSearchParams(fields) });
const unknown = (text: string): string => text.replace(/.{4}$/, '2222');

/** All that an answer says, but for what is made anew for each one. */
function said(answer: HttpAnswer, ...names: readonly string[]): string {
  const { 'set-cookie': cookies = [], ...headers } = answer.headers;
  const bare = shown({ ...answer, headers })
    .replaceAll(/consent\/[\w-]+/g, 'consent/<uid>')
    .replaceAll(/name=\\?"csrf\\?" value=\\?"[\w-]+/g, 'name="csrf" value="<csrf>');
  const kinds = cookies.map((cookie) => cookie.split('=')[0]!.replace(/sign_in_.*/, 'sign_in'));
  return names.reduce((text, name) => text.replaceAll(name, '<name>'), `${bare} ${kinds.sort().join(' ')}`);
}

async function token(tenant: 'acme' | 'globex', of = two[tenant], more: Record<string, string> = {}) {
  const grant = { grant_type: 'client_credentials', ...of.client, ...more };
  return form(`/t/${tenant}/token`, grant);
}

async function leavesAcmeAlone(work: () => Promise<void>): Promise<void> {
  const before = await two.rows();
  await work();
  expect(await two.rows()).toEqual(before);
}

it('gives everybody the same, whoever’s credential comes along', async () => {
  const routes = ROUTES.filter(({ kind }) => kind === 'issuer');
  expect(routes.length).toBeGreaterThan(20);
  await leavesAcmeAlone(async () => {
    for (const row of routes) {
      for (const slug of ['acme', 'nobody-at-all']) {
        for (const method of METHODS) {
          const path = filled(row, ...(row.path.includes(':tenant') ? [slug, 'made-up'] : ['made-up']));
          const answers = ['mcpc_made-up', two.globex.admin.key, two.acme.admin.key].map((key) =>
            ask(two.composer.url, key, { method, path }),
          );
          const texts = (await Promise.all(answers)).map((answer) => said(answer));
          expect([method, path, new Set(texts)]).toEqual([method, path, new Set(texts.slice(0, 1))]);
          expect([nameOf(row), texts[0]]).toEqual([nameOf(row), expect.not.stringMatching(/^50[02]/)]);
        }
      }
    }
  });
}, 120_000);

describe('a client of another tenant', () => {
  it('gets a token from its own tenant alone', async () => {
    expect((await token('acme')).status).toBe(200);
    await leavesAcmeAlone(async () => {
      const foreign = await token('globex', two.acme);
      const nobody = { ...two.acme, client: { ...two.acme.client, client_id: unknown(two.acme.client.client_id) } };
      expect(said(foreign)).toBe(said(await token('globex', nobody)));
      expect(foreign).toMatchObject({ status: 401, json: { error: 'invalid_client' } });
      const theirs = await token('acme', two.globex);
      const nobodys = await token('acme', {
        ...two.globex,
        client: { ...two.globex.client, client_id: unknown(two.globex.client.client_id) },
      });
      expect(said(theirs)).toBe(said(nobodys));
    });
  });

  it('gets none for what belongs to another tenant', async () => {
    const { url } = two.composer;
    await leavesAcmeAlone(async () => {
      for (const below of ['/mcp', '/mcp/twin', '/mcp/only-acme']) {
        const [theirs, nobodys] = [
          await token('globex', two.globex, { resource: `${url}/t/acme${below}` }),
          await token('globex', two.globex, { resource: `${url}/t/nobo${below}` }),
        ];
        expect(said(theirs)).toBe(said(nobodys));
        expect(theirs).toMatchObject({ status: 400, json: { error: 'invalid_target' } });
      }
    });
  });

  it('asks nobody anything there', async () => {
    const at = (slug: string, client: string) =>
      get(`/t/${slug}/authorize?response_type=code&client_id=${client}&redirect_uri=${BACK}&scope=mcp&${PKCE}`);
    expect(await at('globex', apps.globex)).toMatchObject({ status: 303 });
    const theirs = await at('globex', apps.acme);
    expect(said(theirs)).toBe(said(await at('globex', unknown(apps.acme))));
    expect(theirs.status).toBe(400);
  });
});

describe('what one tenant’s authorization server has given out', () => {
  it('opens nothing in another tenant', async () => {
    const { json } = await token('acme');
    const access = String(json.access_token);
    const list = { jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} };
    const call = (path: string, key = access) => ask(two.composer.url, key, { method: 'POST', path, body: list });
    expect((await call('/t/acme/mcp')).status).toBe(400); // let in: there is no session
    for (const below of ['/mcp', '/mcp/twin', '/mcp/twin-view']) {
      const [theirs, nobodys] = [await call(`/t/globex${below}`), await call(`/t/nobody${below}`)];
      expect(said(theirs, 'globex')).toBe(said(nobodys, 'nobody'));
      expect(theirs.status).toBe(401);
    }
    expect((await call('/mcp')).status).toBe(401);
  });

  it('is revoked by its own tenant alone', async () => {
    const access = String((await token('acme')).json.access_token);
    const revoke = (text: string) => form('/t/globex/revoke', { ...two.globex.client, token: text });
    await leavesAcmeAlone(async () => expect(said(await revoke(access))).toBe(said(await revoke(unknown(access)))));
    const list = { jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} };
    const still = await ask(two.composer.url, access, { method: 'POST', path: '/t/acme/mcp', body: list });
    expect(still.status).toBe(400);
  });

  it('is no question that another tenant’s page asks or answers', async () => {
    const begun = await get(
      `/t/acme/authorize?response_type=code&client_id=${apps.acme}&redirect_uri=${BACK}&scope=mcp&${PKCE}`,
    );
    const uid = /consent\/([\w-]+)/.exec(String(begun.headers.location))?.[1] ?? '';
    expect(uid).not.toBe('');
    const cookie = (begun.headers['set-cookie'] ?? []).map((text) => text.split(';')[0]).join('; ');
    await leavesAcmeAlone(async () => {
      for (const route of ['/auth/consent', '/authorize']) {
        for (const prefix of ['/t/globex', '']) {
          for (const headers of [{}, { cookie }]) {
            const [theirs, nobodys] = [
              await get(`${prefix}${route}/${uid}`, headers),
              await get(`${prefix}${route}/${unknown(uid)}`, headers),
            ];
            expect(said(theirs, uid)).toBe(said(nobodys, unknown(uid)));
            expect(theirs.status).toBe(400);
          }
        }
      }
    });
  });

  it('is signed with keys of its own', async () => {
    const [acme, globex, root] = await Promise.all(['/t/acme', '/t/globex', ''].map((slug) => get(`${slug}/jwks`)));
    const kids = [acme, globex, root].map((answer) => answer!.json.keys.map(({ kid }: { kid: string }) => kid));
    expect(new Set(kids.flat()).size).toBe(kids.flat().length);
  });
});
