import { describe, expect, it } from '@jest/globals';
import { serverId, tenantId } from '#kernel';
import type { AuthStrategy, RequestPatch } from '../src/auth-strategy.js';
import type { CredentialUse } from '../src/credential-use.js';
import { itChecksSettings } from './strategy-settings.contract.js';

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

/** What every strategy with a fixed credential must do. Its own spec is this call plus its own edge cases. */
export function describeAuthStrategy<S>({ strategy, good, bad }: StrategyCase<S>): void {
  const subject = strategy();

  describe(`auth strategy "${subject.name}"`, () => {
    it.each(good)('turns %j into %j', async (settings, patch) => {
      expect(await subject.authorize(use, subject.settings.parse(settings))).toEqual(patch);
    });

    itChecksSettings(subject, { good: good.map(([settings]) => settings), bad });

    it('gives the same patch twice: it keeps no state of its own', async () => {
      const settings = subject.settings.parse(good[0]![0]);
      expect(await subject.authorize(use, settings)).toEqual(await subject.authorize(use, settings));
    });
  });
}
