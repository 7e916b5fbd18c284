import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { eventually } from '../fixtures/eventually.js';
import type { HttpAnswer } from '../fixtures/mcp-clients.js';
import { type OidcIssuer, startOidcIssuer } from '../fixtures/oidc-issuer.js';
import { TenantClient } from '../fixtures/tenant-client.js';
import type { Estate } from '../fixtures/tenant-estate.js';
import { LAST_USED, type TwoEstates, ask, openTwoEstates } from '../fixtures/two-estates.js';

const ROUNDS = 6;
const AT_ONCE = 60;

/** One question that both tenants ask in the same words, of things that have the same names. */
interface Question {
  readonly name: string;
  ask(): Promise<HttpAnswer>;
}
interface Asker {
  readonly slug: string;
  readonly question: Question;
  /** What the first answer said. */
  readonly expected: string;
}

let two: TwoEstates;
let idp: OidcIssuer;
let askers: readonly Asker[];

beforeAll(async () => {
  idp = await startOidcIssuer();
  two = await openTwoEstates({ env: { TOOLS_PAGE_SIZE: '2' }, issuer: idp.issuer });
  const primed: Asker[] = [];
  // Everything of acme is in every cache before globex asks for the first time.
  for (const estate of [two.acme, two.globex]) {
    for (const question of await questionsOf(estate)) {
      primed.push({ slug: estate.slug, question, expected: saidBy(await question.ask()) });
    }
  }
  askers = primed;
}, 120_000);
afterAll(async () => {
  await two?.stop();
  await idp?.stop();
});

/** Keys of two principals, a token of the tenant's own issuer, and one of an issuer that both tenants trust. */
async function credentialsOf({ slug, admin, caller, client }: Estate): Promise<Readonly<Record<string, TenantClient>>> {
  const { url } = two.composer;
  const body = new URLSearchParams({ grant_type: 'client_credentials', ...client });
  const { json } = await ask(url, undefined, { method: 'POST', path: `/t/${slug}/token`, body });
  const foreign = await idp.token({ resource: `${url}/t/${slug}/mcp` });
  return {
    admin,
    caller,
    program: new TenantClient({ url }, json.access_token),
    outsider: new TenantClient({ url }, foreign),
  };
}

async function questionsOf(estate: Estate): Promise<readonly Question[]> {
  const { slug, admin } = estate;
  const mcp = `/t/${slug}/mcp`;
  const questions: Question[] = [];
  const add = (name: string, request: () => Promise<HttpAnswer>) => questions.push({ name, ask: request });
  for (const [who, client] of Object.entries(await credentialsOf(estate))) {
    const session = await client.open(mcp);
    const view = await client.open(`${mcp}/twin-view`);
    expect([who, session === 'undefined', view === 'undefined']).toEqual([who, false, false]);
    const first = await client.rpc('tools/list', {}, mcp);
    const params = first.json.result.nextCursor === undefined ? {} : { cursor: first.json.result.nextCursor };
    for (const below of ['', '/twin', '/twin-view']) {
      add(`${who} lists${below}`, () => client.rpc('tools/list', {}, mcp + below));
      const ping = below === '/twin' ? 'ping' : 'twin_ping';
      const arguments_ = { name: ping, arguments: {} };
      add(`${who} calls at ${below}`, () => client.rpc('tools/call', arguments_, mcp + below));
    }
    add(`${who} lists on`, () => client.rpc('tools/list', params, mcp));
    add(`${who} lists in a session`, () => client.legacy('tools/list', { path: mcp, session }));
    add(`${who} lists a view in a session`, () =>
      client.legacy('tools/list', { path: `${mcp}/twin-view`, session: view }),
    );
  }
  for (const path of [
    'servers',
    'servers/twin',
    'servers/twin/tools',
    'servers/twin/versions',
    'roles',
    'roles/twin',
  ]) {
    add(path, () => admin.api('GET', `/${path}`));
  }
  for (const path of [
    'virtual-servers',
    'virtual-servers/twin-view',
    'issuers/twin',
    'principals',
    'api-keys',
    'tools',
  ]) {
    add(path, () => admin.api('GET', `/${path}`));
  }
  for (const path of [`/.well-known/oauth-protected-resource${mcp}`, `/t/${slug}/jwks`]) {
    add(path.replace(slug, '…'), () => ask(two.composer.url, undefined, { method: 'GET', path }));
  }
  return questions;
}

/** The answer without what is made for it alone. */
function saidBy({ status, text }: HttpAnswer): string {
  return `${status} ${text}`.replaceAll(LAST_USED, '');
}

it('gives each tenant its own, whoever has asked before and whoever asks at the same time', async () => {
  const others = { acme: /of globex|only_globex|"globex/, globex: /of acme|only_acme|"acme/ };
  for (const { slug, question, expected } of askers) {
    expect([slug, question.name, expected]).toEqual([slug, question.name, expect.stringMatching(/^200 /)]);
    expect([slug, question.name, others[slug as 'acme'].test(expected)]).toEqual([slug, question.name, false]);
  }
  const half = askers.length / 2;
  const same = askers.slice(0, half).filter(({ expected }, at) => expected === askers[half + at]!.expected);
  expect(same.map(({ question }) => question.name)).toEqual([]); // else it would not show whose answer it was

  const queue = Array.from({ length: ROUNDS }, (_, round) =>
    askers.slice(0, half).flatMap((asker, at) => {
      const pair = [asker, askers[half + ((at + round) % half)]!];
      return round % 2 === 0 ? pair : pair.reverse();
    }),
  ).flat();
  expect(queue.length).toBeGreaterThan(400);
  const wrong: string[] = [];
  const next = async (): Promise<void> => {
    for (let asker = queue.shift(); asker; asker = queue.shift()) {
      const said = saidBy(await asker.question.ask());
      if (said !== asker.expected) wrong.push(`${asker.slug}: ${asker.question.name}: ${said}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));
  expect(wrong).toEqual([]);
}, 60_000);

it('takes a session of the principal of the same id in another tenant for none', async () => {
  const { url } = two.composer;
  const [acme, globex] = await Promise.all([two.acme, two.globex].map((estate) => credentialsOf(estate)));
  const people = await Promise.all(
    [two.acme, two.globex].map(async ({ admin }) => (await admin.api('GET', '/principals')).json.items as Person[]),
  );
  const outsiders = people.map((items) => items.find(({ id }) => id.startsWith('u_'))?.id);
  expect(outsiders[0]).toEqual(expect.any(String));
  expect(outsiders[0]).toBe(outsiders[1]); // one issuer, one subject: nothing but the tenant tells them apart
  const session = await acme!['outsider']!.open('/t/acme/mcp');
  const foreign = await globex!['outsider']!.legacy('ping', { path: '/t/globex/mcp', session });
  expect(foreign.status).toBe(404);
  expect((await acme!['outsider']!.legacy('ping', { path: '/t/acme/mcp', session })).status).toBe(200);

  // Nor does disabling the one disable the other.
  await two.globex.admin.api('PATCH', `/principals/${outsiders[0]}`, { disabled: true });
  const call = (slug: string, key: string) =>
    ask(url, key, { method: 'POST', path: `/t/${slug}/mcp`, body: { jsonrpc: '2.0', id: 1, method: 'ping' } });
  await eventually(async () => expect((await call('globex', globex!['outsider']!.key)).status).toBe(401));
  expect((await acme!['outsider']!.legacy('ping', { path: '/t/acme/mcp', session })).status).toBe(200);
});
interface Person {
  readonly id: string;
}

it('changes what a role opens in its own tenant alone', async () => {
  const opens = (tools: readonly string[]) => ({ permissions: { tools, servers: [], virtual_servers: [] } });
  const before = await Promise.all([two.acme.caller.tools(), two.globex.caller.tools()]);
  expect(before).toEqual([
    ['twin_only_acme', 'twin_ping'],
    ['twin_only_globex', 'twin_ping'],
  ]);
  await two.acme.admin.api('PUT', '/roles/twin', opens(['twin_wait']));
  expect([await two.acme.caller.tools(), await two.globex.caller.tools()]).toEqual([['twin_wait'], before[1]]);
  await two.acme.admin.api('DELETE', '/virtual-servers/twin-view');
  expect(await two.acme.admin.tools('/mcp/twin-view')).toBe('COMPOSER_VIRTUAL_SERVER_UNKNOWN');
  expect(await two.globex.admin.tools('/mcp/twin-view')).toEqual(['twin_only_globex', 'twin_ping']);
});
