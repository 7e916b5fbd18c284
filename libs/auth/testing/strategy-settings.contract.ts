import { expect, it } from '@jest/globals';
import type { AuthStrategy } from '../src/auth-strategy.js';

export interface SettingsCase {
  readonly good: readonly unknown[];
  readonly bad: readonly unknown[];
}

/** What the settings of every strategy must do; to be called within a `describe`. */
export function itChecksSettings(
  subject: Pick<AuthStrategy, 'settings' | 'secrets'>,
  { good, bad }: SettingsCase,
): void {
  it.each(bad)('refuses settings %j', (settings) => {
    expect(subject.settings.safeParse(settings).success).toBe(false);
  });

  it('refuses settings that it does not know', () => {
    expect(subject.settings.safeParse({ ...(good[0] as object), unheard_of: 1 }).success).toBe(false);
  });

  it('names only settings that exist as secrets, and never echoes them in a fault', () => {
    for (const secret of subject.secrets) {
      const faulty = { [secret]: 'hunter2\r\nx: y', unheard_of: 'hunter2' };
      const parsed = subject.settings.safeParse(faulty);
      expect(parsed.success).toBe(false);
      expect(JSON.stringify(parsed.error?.issues)).not.toContain('hunter2');
      expect(good.some((settings) => secret in (settings as object))).toBe(true);
    }
  });
}
