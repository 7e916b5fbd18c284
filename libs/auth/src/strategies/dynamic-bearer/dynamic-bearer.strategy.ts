import { EgressHttp } from '#egress';
import { IssuerUnavailableError, type LiveToken, TokenKeeper, type TokenSet } from '#token-store';
import { Injectable } from '@nestjs/common';
import type { AuthStrategy, RequestPatch } from '../../auth-strategy.js';
import type { CredentialUse } from '../../credential-use.js';
import { askIssuer, objectIn, refusalOf } from '../../issuers/issuer-answer.js';
import { type TokenKeyParts, TokenKeys } from '../../token-keys.js';
import { type DynamicBearerSettings as Settings, dynamicBearerSettings } from './dynamic-bearer-settings.js';
import { TOKEN_FORMS } from './token-forms.js';

/** Beyond this a token may wait no longer to be renewed, whatever its service says. */
const LONGEST_LIFE_SECONDS = 90 * 60;
const USUAL_LIFE_SECONDS = 3600;
const TIMEOUT_MS = 9_000;
const MOST_ANSWER_BYTES = 64 * 1024;
/** Visible ASCII without blanks, 16 KiB at most: nothing that could break out of its header. */
const TOKEN = /^[\x21-\x7e]{1,16384}$/;

/**
 * A token that a token service gives for a key: that of IBM Cloud IAM unless the settings say otherwise. Asked for when
 * it is needed, renewed before it ends, and once when the member refuses it.
 */
@Injectable()
export class DynamicBearerStrategy implements AuthStrategy<Settings> {
  readonly name = 'dynamic_bearer';
  readonly settings = dynamicBearerSettings;
  readonly secrets = ['apikey', 'secret', 'client_secret', 'refresh_token'];

  constructor(
    private readonly keeper: TokenKeeper,
    private readonly http: EgressHttp,
    private readonly keys: TokenKeys,
  ) {}

  async authorize(use: CredentialUse, settings: Settings): Promise<RequestPatch> {
    return this.current(use, settings);
  }

  async renew(use: CredentialUse, settings: Settings, { generation }: RequestPatch): Promise<RequestPatch> {
    return this.current(use, settings, generation);
  }

  async fingerprints(use: CredentialUse, settings: Settings): Promise<readonly string[]> {
    return [await this.keys.fingerprint(use, partsOf(settings))];
  }

  noteAccepted(use: CredentialUse, settings: Settings, { generation }: RequestPatch): void {
    const key = this.keys.peek(use, partsOf(settings));
    if (key && generation !== undefined) this.keeper.noteAccepted(key, generation);
  }

  private async current(use: CredentialUse, settings: Settings, refused?: number): Promise<RequestPatch> {
    const key = await this.keys.of(use, partsOf(settings));
    const options = refused === undefined ? {} : { refused };
    const live = await this.keeper.current(key, (previous) => this.ask(settings, previous), options);
    return patchOf(live, settings);
  }

  private async ask(settings: Settings, previous: TokenSet | undefined): Promise<TokenSet> {
    const { fits: _, ...form } = TOKEN_FORMS.find(({ fits }) => fits(settings))!;
    const hasGrant = settings.refresh_token !== undefined;
    // RFC 6749, 6: the last one that was given is the one that counts.
    const refreshToken = previous?.refreshToken ?? settings.refresh_token;
    const request = form.request(hasGrant ? { ...settings, refresh_token: refreshToken } : settings);
    const limits = { timeoutMs: TIMEOUT_MS, maxBytes: MOST_ANSWER_BYTES };
    const answer = await askIssuer(this.http, { url: settings.token_url, ...request, ...limits });
    const refusal = refusalOf(answer, { hasGrant });
    if (refusal) throw refusal;

    const given = objectIn(answer);
    if (!given) throw new IssuerUnavailableError('answer_not_json');
    const accessToken = form.fields.map((field) => given[field]).find((value) => value !== undefined && value !== null);
    if (typeof accessToken !== 'string' || !TOKEN.test(accessToken)) throw new IssuerUnavailableError('no_token');
    const rotated = given['refresh_token'];
    return {
      accessToken,
      expiresInSeconds: lifeOf(given['expires_in']),
      ...(hasGrant ? { refreshToken: typeof rotated === 'string' && rotated !== '' ? rotated : refreshToken! } : {}),
    };
  }
}

function partsOf({ auth_prefix: _, ...settings }: Settings): TokenKeyParts {
  const { origin, pathname } = new URL(settings.token_url);
  return { strategy: 'dynamic_bearer', settings, issuer: origin + pathname };
}

function patchOf({ tokens, expiresAt, generation }: LiveToken, { auth_prefix }: Settings): RequestPatch {
  return {
    headers: { authorization: `${auth_prefix} ${tokens.accessToken}` },
    generation,
    ...(expiresAt === undefined ? {} : { expiresAt }),
  };
}

/** Seconds; services write them as a number or as text, and some 0 for a token that does not end. */
function lifeOf(expiresIn: unknown): number {
  const seconds = typeof expiresIn === 'string' && /^\d+(\.\d+)?$/.test(expiresIn) ? Number(expiresIn) : expiresIn;
  if (typeof seconds !== 'number' || !(seconds > 0)) return USUAL_LIFE_SECONDS;
  return Math.min(seconds, LONGEST_LIFE_SECONDS);
}
