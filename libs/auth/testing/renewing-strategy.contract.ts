import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { serverId, tenantId } from '#kernel';
import type { AuthStrategy, RequestPatch } from '../src/auth-strategy.js';
import type { CredentialUse } from '../src/credential-use.js';
import { type IssuerAnswer, type IssuerRequest, type StrategyParts, openStrategyParts } from './strategy-parts.js';
import { itChecksSettings } from './strategy-settings.contract.js';

type Settings = Readonly<Record<string, unknown>>;

export interface RenewingStrategyCase<S> {
  readonly strategy: (parts: StrategyParts) => AuthStrategy<S>;
  /** Settings that fit, for an issuer at this address. */
  readonly good: (issuer: string) => readonly [Settings, ...Settings[]];
  /** The first of them with another secret. */
  readonly edited: (issuer: string) => Settings;
  readonly bad: readonly unknown[];
  /** What a willing issuer answers; `count` is 1 for the first request. One request gives one credential. */
  readonly issuer: (request: IssuerRequest, count: number) => IssuerAnswer;
  /** What a request carries with the credential of that request. */
  readonly carried: (count: number) => Pick<RequestPatch, 'headers' | 'query' | 'cookies'>;
}

const member = { tenantId: tenantId('acme'), serverId: serverId('crm') };

/** What every strategy whose credentials come from an issuer must do. */
export function describeRenewingStrategy<S>(subject: RenewingStrategyCase<S>): void {
  const shown = subject.strategy({} as StrategyParts);

  describe(`auth strategy "${shown.name}"`, () => {
    let parts: StrategyParts;
    let strategy: AuthStrategy<S>;
    let settings: S;
    let use: CredentialUse;
    /** In place of the willing issuer. */
    let instead: IssuerAnswer | undefined;

    beforeEach(async () => {
      instead = undefined;
      parts = await openStrategyParts((request, count) => instead ?? subject.issuer(request, count));
      strategy = subject.strategy(parts);
      settings = strategy.settings.parse(subject.good(parts.issuer.url)[0]);
      use = { member, endpoint: new URL(`${parts.issuer.url}/api`) };
    });
    afterEach(() => parts.close());

    const applied = ({ forRequest, headers, query, cookies }: RequestPatch) => {
      const patch = forRequest?.({ method: 'GET', path: '/api/things' }) ?? { headers, query, cookies };
      return Object.fromEntries(Object.entries(patch).filter(([, part]) => Object.keys(part ?? {}).length > 0));
    };

    itChecksSettings(shown, { good: subject.good('https://issuer.example'), bad: subject.bad });

    it('has one credential for many callers, and asks once', async () => {
      const patches = await Promise.all(Array.from({ length: 20 }, () => strategy.authorize(use, settings)));
      for (const patch of patches) expect(applied(patch)).toEqual(subject.carried(1));
      expect(applied(await strategy.authorize(use, settings))).toEqual(subject.carried(1));
      expect(parts.asked).toHaveLength(1);
    });

    it('has one new credential for all who were refused together, and keeps it', async () => {
      const refused = await strategy.authorize(use, settings);
      strategy.noteAccepted?.(use, settings, refused);
      const fresh = await Promise.all(Array.from({ length: 20 }, () => strategy.renew!(use, settings, refused)));
      for (const patch of fresh) expect(applied(patch!)).toEqual(subject.carried(2));
      expect(applied(await strategy.authorize(use, settings))).toEqual(subject.carried(2));
      expect(parts.asked).toHaveLength(2);
    });

    it('gives a call that comes late with a refused credential the one at hand', async () => {
      const refused = await strategy.authorize(use, settings);
      strategy.noteAccepted?.(use, settings, refused);
      await strategy.renew!(use, settings, refused);
      expect(applied((await strategy.renew!(use, settings, refused))!)).toEqual(subject.carried(2));
      expect(parts.asked).toHaveLength(2);
    });

    it.each([
      ['tenant', { member: { ...member, tenantId: tenantId('other') } }],
      ['server', { member: { ...member, serverId: serverId('other') } }],
      ['tool', { tool: 'pay' }],
    ])('shares no credential with another %s', async (_, other) => {
      await strategy.authorize(use, settings);
      expect(applied(await strategy.authorize({ ...use, ...other }, settings))).toEqual(subject.carried(2));
    });

    it('leaves a credential behind when the settings are edited', async () => {
      await strategy.authorize(use, settings);
      const edited = strategy.settings.parse(subject.edited(parts.issuer.url));
      expect(applied(await strategy.authorize(use, edited))).toEqual(subject.carried(2));
    });

    it.each<[string, IssuerAnswer, object]>([
      ['refused', { status: 401, body: 'go away' }, { code: 'COMPOSER_CLIENT_REFUSED', reason: 'http_401' }],
      [
        'busy',
        { status: 429, headers: { 'retry-after': '7' } },
        { code: 'COMPOSER_ISSUER_UNAVAILABLE', retryAfter: 7 },
      ],
      ['broken', { status: 503, body: '{"error":"x"}' }, { code: 'COMPOSER_ISSUER_UNAVAILABLE', reason: 'http_503' }],
      ['away', { status: 404, body: 'nothing here' }, { code: 'COMPOSER_ISSUER_UNAVAILABLE', reason: 'http_404' }],
    ])('tells an issuer that is %s in its class, and no word of it', async (_, answer, expected) => {
      instead = answer;
      const error: unknown = await strategy.authorize(use, settings).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject(expected);
      expect(String((error as Error).message)).not.toMatch(/go away|nothing here/);
    });

    it('tells an issuer that cannot be reached', async () => {
      await parts.issuer.close();
      await expect(strategy.authorize(use, settings)).rejects.toMatchObject({
        code: 'COMPOSER_ISSUER_UNAVAILABLE',
        reason: 'unreachable',
      });
    });
  });
}
