import { Injectable } from '@nestjs/common';
import type { AuthBlock } from '../../auth-adapter.js';
import { ConsentRefusedError } from '../../auth.errors.js';
import type { CredentialUse } from '../../credential-use.js';
import { type ConsentAnswer, ConsentEnd } from './consent-end.js';
import { type ConsentQuestion, ConsentStart, type StartedConsent } from './consent-start.js';
import { grantOf } from './grant-types.js';
import { type Oauth2Settings, oauth2Settings } from './oauth2-settings.js';

/**
 * The authorization code grant (RFC 6749, 4.1, with PKCE) as far as it is not pages. Whoever shows these keeps `state`,
 * and sees to it that the browser that comes back is the one that left, with the same person.
 *
 * The settings are those of a checked block. For a credential of single principals the use names the principal.
 */
@Injectable()
export class Oauth2Consent {
  constructor(
    private readonly start: ConsentStart,
    private readonly end: ConsentEnd,
  ) {}

  /** Whether the credential of this block comes from a person's consent. */
  isNeededBy({ strategy, settings }: AuthBlock): boolean {
    const parsed = strategy === 'oauth2' ? oauth2Settings.safeParse(settings) : undefined;
    return parsed?.success === true && grantOf(parsed.data) === 'authorization_code';
  }

  /**
   * What to ask a person. Asks the member and its authorization server where the settings do not tell.
   * @throws ConsentRefusedError, IssuerUntrustedError, IssuerUnavailableError
   */
  async describe(use: CredentialUse, settings: unknown): Promise<ConsentQuestion> {
    return this.start.describe(use, consented(settings));
  }

  /**
   * Registers the composer where that is needed, and gives the address to send the browser to, always with PKCE (S256).
   * `kept` holds secrets. Throws as `describe` does.
   */
  async begin(
    use: CredentialUse,
    settings: unknown,
    ask: { readonly redirectUri: string; readonly state: string },
  ): Promise<StartedConsent> {
    return this.start.begin(use, consented(settings), ask);
  }

  /**
   * Exchanges the code at the server that was asked, and stores what it gives. The code never leaves if the answer may be
   * somebody else's, or the settings are not those that the consent was begun with.
   * @throws ConsentRefusedError, GrantRefusedError, ClientRefusedError, IssuerUnavailableError
   */
  async finish(use: CredentialUse, settings: unknown, answer: ConsentAnswer): Promise<void> {
    return this.end.finish(use, consented(settings), answer);
  }
}

function consented(settings: unknown): Oauth2Settings {
  const parsed = oauth2Settings.safeParse(settings);
  if (parsed.success && grantOf(parsed.data) === 'authorization_code') return parsed.data;
  throw new ConsentRefusedError('its credential does not come from consent');
}
