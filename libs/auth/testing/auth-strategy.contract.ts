import { describe, expect, it } from '@jest/globals';
import { serverId, tenantId } from '#kernel';
import type { AuthStrategy, RequestPatch } from '../src/auth-strategy.js';
import type { CredentialUse } from '../src/credential-use.js';

export interface StrategyCase<S> {
  readonly strategy: () => AuthStrategy<S>;
  /** Settings that fit, with the patch that they must give. */
  readonly good: readonly (readonly [settings: unknown, patch: RequestPatch])[];
  readonly bad: readonly unknown[];
}

const use: CredentialUse = {
  member: { tenantId: tenantId('acme'), serverId: serverId('crm') },
  endpoint: new URL('https://crm.example/api'),
};

/** What every strategy must do. A strategy's own spec is this call plus its own edge cases. */
export function describeAuthStrategy<S>({ strategy, good, bad }: StrategyCase<S>): void {
  const subject = strategy();

  describe(`auth strategy "${subject.name}"`, () => {
    it.each(good)('turns %j into %j', async (settings, patch) => {
      expect(await subject.authorize(use, subject.settings.parse(settings))).toEqual(patch);
    });

    it.each(bad)('refuses settings %j', (settings) => {
      expect(subject.settings.safeParse(settings).success).toBe(false);
    });

    it('refuses settings that it does not know', () => {
      const [settings] = good[0]!;
      expect(subject.settings.safeParse({ ...(settings as object), unheard_of: 1 }).success).toBe(false);
    });

    it('names only settings that exist as secrets, and never echoes them in a fault', () => {
      for (const secret of subject.secrets) {
        const faulty = { [secret]: 'hunter2\r\nx: y', unheard_of: 'hunter2' };
        const parsed = subject.settings.safeParse(faulty);
        expect(parsed.success).toBe(false);
        expect(JSON.stringify(parsed.error?.issues)).not.toContain('hunter2');
        expect(good.some(([settings]) => secret in (settings as object))).toBe(true);
      }
    });

    it('gives the same patch twice: it keeps no state of its own', async () => {
      const settings = subject.settings.parse(good[0]![0]);
      expect(await subject.authorize(use, settings)).toEqual(await subject.authorize(use, settings));
    });
  });
}
