import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { until } from '#persistence/testing';
import { callTool, toolNames } from '../fixtures/mcp-clients.js';
import { type RestService, startRestService } from '../fixtures/rest-service.js';
import { SteadyLoad } from '../fixtures/steady-load.js';
import { type TwoRoles, openTwoRoles } from '../fixtures/two-roles.js';
import { type ComposerProcess, startComposer } from '../support/composer-process.js';

const WITHIN_MS = 2_000;

describe('three composers on one Postgres', () => {
  let database: TwoRoles;
  let service: RestService;
  let composers: ComposerProcess[];
  let first: ComposerProcess;

  beforeAll(async () => {
    [database, service] = await Promise.all([
      openTwoRoles(),
      startRestService({
        check: ({ headers }) => /^Bearer (old|new)-token$/.test(headers.authorization ?? ''),
        answer: ({ headers }) => ({ body: { sent: headers.authorization } }),
      }),
    ]);
    const env = { ...database.env, COMPOSER_KEYS: `test:${randomBytes(32).toString('base64')}` };
    composers = await Promise.all([1, 2, 3].map(() => startComposer({ env })));
    first = composers[0]!;
  }, 120_000);
  afterAll(async () => {
    await Promise.all((composers ?? []).map((composer) => composer.stop()));
    await service?.stop();
    await database?.remove();
  }, 60_000);

  const config = (id: string, token = 'old-token') => service.member(id, { auth_strategy: 'bearer', auth: { token } });
  /** Waits until it is so on every composer, and gives how long that took. */
  const everywhere = async (what: string, check: (composer: ComposerProcess) => Promise<boolean>): Promise<number> => {
    const begun = performance.now();
    await Promise.all(
      composers.map((composer) => until(() => check(composer), `${what} on ${composer.url}`, WITHIN_MS)),
    );
    return performance.now() - begun;
  };
  const offers =
    (id: string) =>
    async ({ url }: ComposerProcess) =>
      (await toolNames(url)).includes(`${id}_get_order`);
  const sends =
    (id: string, token: string) =>
    async ({ url }: ComposerProcess) => {
      const { structuredContent } = await callTool(url, `${id}_get_order`, { orderId: '7' });
      return structuredContent?.sent === `Bearer ${token}`;
    };
  const does = async (method: string, path: string, body?: unknown) => {
    const answer = await first.api(method, `/api/v1/servers${path}`, body);
    expect([answer.status, answer.body]).toEqual([expect.any(Number), expect.anything()]);
    expect(answer.status).toBeLessThan(300);
  };

  it('serve what one of them is told, within two seconds, under load and without one failed call of others', async () => {
    await does('POST', '', config('steady'));
    await everywhere('the steady member', offers('steady'));
    const args = { orderId: '1' };
    const load = new SteadyLoad(
      composers.flatMap(({ url }) => [1, 2].map(() => ({ url, tool: 'steady_get_order', args }))),
    );
    const took: Record<string, number> = {};
    try {
      for (let round = 0; round < 3; round++) {
        const id = `round${round}`;
        await does('POST', '', config(id));
        took[`register ${round}`] = await everywhere('registered', offers(id));
        await everywhere('called', sends(id, 'old-token'));
        await does('PATCH', `/${id}`, { auth: { token: 'new-token' } });
        took[`patch ${round}`] = await everywhere('the new credential', sends(id, 'new-token'));
        await does('POST', `/${id}/deactivate`);
        took[`deactivate ${round}`] = await everywhere('deactivated', async (one) => !(await offers(id)(one)));
        await does('POST', `/${id}/activate`);
        took[`activate ${round}`] = await everywhere('activated', offers(id));
        await does('DELETE', `/${id}`);
        took[`delete ${round}`] = await everywhere('deleted', async (one) => !(await offers(id)(one)));
      }
    } finally {
      await load.stop();
    }
    expect(load.failures()).toEqual([]);
    expect(load.calls.length).toBeGreaterThan(100);
    expect(Math.max(...Object.values(took))).toBeLessThan(WITHIN_MS);
  }, 120_000);

  it('agree in the end when all of them change the same member at once', async () => {
    await does('POST', '', config('shared'));
    await everywhere('registered', offers('shared'));
    const patches = composers.flatMap((composer, n) =>
      Array.from({ length: 5 }, (_, i) =>
        composer.api('PATCH', '/api/v1/servers/shared', {
          auth: { token: i % 2 ? 'old-token' : 'new-token' },
          label: `${n}.${i}`,
        }),
      ),
    );
    const answers = await Promise.all(patches);
    expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThan(0);
    await first.api('PATCH', '/api/v1/servers/shared', { auth: { token: 'new-token' }, label: 'last' });
    await everywhere('the last credential', sends('shared', 'new-token'));
  }, 60_000);

  it('follow without notices too, and without a failed call, when every listening connection is cut', async () => {
    await does('POST', '', config('uncut'));
    await everywhere('registered', offers('uncut'));
    const load = new SteadyLoad(composers.map(({ url }) => ({ url, tool: 'uncut_get_order', args: { orderId: '1' } })));
    try {
      expect(await database.cut('mcp-composer changes')).toBe(3);
      await does('POST', '', config('after-cut'));
      await everywhere('registered', offers('after-cut'));
      expect(load.failures()).toEqual([]);
    } finally {
      await load.stop();
    }
  }, 60_000);

  it('sign off when they stop, and leave no connection behind', async () => {
    const last = composers.pop()!;
    await last.kill('SIGTERM');
    expect(await database.count('SELECT FROM replicas')).toBe(2);
    expect(last.stderr()).not.toMatch(/"level":"error"/);
  }, 60_000);
});
