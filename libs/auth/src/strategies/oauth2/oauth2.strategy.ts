import { GrantRefusedError, ScopeWishes, TokenKeeper, type TokenKey, type TokenSet } from '#token-store';
import { Injectable } from '@nestjs/common';
import type { AuthStrategy, RefusedPatch, RequestPatch } from '../../auth-strategy.js';
import { ConsentRequiredError, PrincipalMissingError, WiderConsentRequiredError } from '../../auth.errors.js';
import { ConnectLinks } from '../../consent/connect-links.js';
import type { AnswerSign, CredentialUse } from '../../credential-use.js';
import { wantsNonce } from '../../nonce-wanted.js';
import { scopeAskedBy, unionOf, widened } from '../../scope-names.js';
import { grantOf } from './grant-types.js';
import type { IssuerFacts } from './issuer-facts.js';
import { IssuerFinder } from './issuer-finder.js';
import { OAUTH2_SECRETS, type Oauth2Settings, oauth2Settings } from './oauth2-settings.js';
import { Oauth2Tokens, requestedOf } from './oauth2-tokens.js';

/**
 * Access tokens of OAuth 2.0 (RFC 6749): had with a client's own credentials, a refresh token, somebody's consent, another
 * token (RFC 8693) or a signed assertion (RFC 7523). Where the settings do not say whom to ask, the member does.
 */
@Injectable()
export class Oauth2Strategy implements AuthStrategy<Oauth2Settings> {
  readonly name = 'oauth2';
  readonly aliases = ['oauth'];
  readonly settings = oauth2Settings;
  readonly secrets = OAUTH2_SECRETS;

  constructor(
    private readonly keeper: TokenKeeper,
    private readonly finder: IssuerFinder,
    private readonly tokens: Oauth2Tokens,
    private readonly links: ConnectLinks,
    private readonly wishes: ScopeWishes,
  ) {}

  isPerPrincipal({ identity }: Oauth2Settings): boolean {
    return identity === 'per_user';
  }

  /** @throws ConsentRequiredError, GrantRefusedError, ClientRefusedError, IssuerUnavailableError, IssuerUntrustedError */
  async authorize(use: CredentialUse, settings: Oauth2Settings): Promise<RequestPatch> {
    return this.patch(use, settings, { facts: await this.finder.find(use, settings) });
  }

  /** 401; and where a person can agree to it, a wish for a scope that the token lacks (RFC 6750, 3.1). */
  refuses(answer: AnswerSign, settings: Oauth2Settings): boolean {
    return answer.status === 401 || (isConsented(settings) && scopeAskedBy(answer) !== undefined);
  }

  /** A member that moves to another issuer tells so by refusing: nothing that was had from the former one is used again. */
  async renew(
    use: CredentialUse,
    settings: Oauth2Settings,
    { generation, answer }: RefusedPatch,
  ): Promise<RequestPatch | undefined> {
    // The token was not looked at: what the next proof has to hold came with the answer (RFC 9449, 9).
    if (answer && wantsNonce(answer)) return this.authorize(use, settings);
    const asked = answer && isConsented(settings) ? scopeAskedBy(answer) : undefined;
    if (asked !== undefined) return this.stepUp(use, settings, { generation, asked });
    const facts = await this.finder.find(use, settings, 'refusal');
    return this.patch(use, settings, { facts, refused: generation });
  }

  async fingerprints(use: CredentialUse, settings: Oauth2Settings): Promise<readonly string[]> {
    return this.tokens.fingerprints(use, settings);
  }

  noteAccepted(use: CredentialUse, settings: Oauth2Settings, { generation }: RequestPatch): void {
    const facts = this.finder.peek(use, settings);
    const key = facts && this.tokens.peekKey(use, settings, facts);
    if (key && generation !== undefined) this.keeper.noteAccepted(key, generation);
  }

  /**
   * The token is good and does not reach far enough: a person is asked for what was asked before and this. What was asked
   * for already and is wanted again is not asked for a second time: the issuer gives it not, or the member takes it not.
   */
  private async stepUp(
    use: CredentialUse,
    settings: Oauth2Settings,
    { generation, asked }: { readonly generation: number | undefined; readonly asked: string },
  ): Promise<RequestPatch | undefined> {
    const facts = await this.finder.find(use, settings);
    const live = await this.keeper.find(await this.keyOf(use, settings, facts));
    // Somebody has agreed meanwhile.
    if (live && live.generation !== generation) return this.patch(use, settings, { facts });
    const scope = live && widened(unionOf(requestedOf(live.tokens), live.tokens.scope), asked);
    if (scope === undefined) return undefined;
    const { member, tool } = use;
    const principalId = this.isPerPrincipal(settings) ? use.principalId : undefined;
    const link = await this.links.linkFor(use, this.wishes.seal({ ...member, tool, principalId, scope }));
    throw new WiderConsentRequiredError(member.serverId, link);
  }

  private async patch(
    use: CredentialUse,
    settings: Oauth2Settings,
    { facts, refused }: { readonly facts: IssuerFacts; readonly refused?: number | undefined },
  ): Promise<RequestPatch> {
    const key = await this.keyOf(use, settings, facts);
    const renew = (previous: TokenSet | undefined) => this.tokens.renew(use, settings, { facts, previous });
    try {
      const options = refused === undefined ? {} : { refused };
      const { tokens, expiresAt, generation } = await this.keeper.current(key, renew, options);
      return {
        ...this.tokens.patchOf(use, settings, tokens),
        ...(expiresAt === undefined ? {} : { expiresAt }),
        generation,
        ...(tokens.consent === undefined ? {} : { account: tokens.consent }),
      };
    } catch (error) {
      if (error instanceof GrantRefusedError && isConsented(settings)) throw await this.consent(use, error);
      throw error;
    }
  }

  /** Of a credential that is there, or can be had without a person. */
  private async keyOf(use: CredentialUse, settings: Oauth2Settings, facts: IssuerFacts): Promise<TokenKey> {
    try {
      const key = await this.tokens.keyFor(use, settings, facts);
      if (isConsented(settings) && !(await this.keeper.find(key))) throw await this.consent(use);
      return key;
    } catch (error) {
      // The composer, asking of its own accord, never borrows the credential of a person.
      throw error instanceof PrincipalMissingError ? await this.consent(use, error) : error;
    }
  }

  private async consent(use: CredentialUse, cause?: unknown): Promise<ConsentRequiredError> {
    return new ConsentRequiredError(use.member.serverId, await this.links.linkFor(use), cause);
  }
}

function isConsented(settings: Oauth2Settings): boolean {
  return grantOf(settings) === 'authorization_code';
}
