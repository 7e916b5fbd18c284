import type { ServerId, PrincipalId } from '#kernel';
import type { TakenCredential } from '#token-store';
import { Injectable } from '@nestjs/common';
import { type IssuerContact, contactFrom } from './strategies/oauth2/issuer-contact.js';
import { TokenEndpoint } from './strategies/oauth2/token-endpoint.js';

/** What became of one credential that was taken out of use. */
export interface WithdrawnCredential {
  readonly serverId: ServerId;
  readonly principalId?: PrincipalId;
  readonly issuer: string;
  /** `revoked`: the issuer has confirmed. `not_revocable`: it offers no way. `failed`: what it gave may still be used. */
  readonly outcome: 'revoked' | 'not_revocable' | 'failed';
  /** For people; no secret. */
  readonly reason?: string;
}

type Outcome = Pick<WithdrawnCredential, 'outcome' | 'reason'>;
const HINTS = ['refresh_token', 'access_token'] as const;
const AT_ONCE = 4;
/** Whoever deletes a server waits for it. */
const TOTAL_MS = 30_000;

const LATE: Outcome = { outcome: 'failed', reason: 'there was no time left to ask its issuer' };

/** Tells issuers that a credential is not used any more (RFC 7009). Needs nothing but what was kept with the credential. */
@Injectable()
export class TokenRevocation {
  constructor(private readonly endpoint: TokenEndpoint) {}

  /**
   * Never rejects. A few at a time, 5 seconds for each token.
   *
   * @param withinMs when no further one is begun: those that are left are told as failed
   */
  async revokeAll(taken: readonly TakenCredential[], withinMs = TOTAL_MS): Promise<readonly WithdrawnCredential[]> {
    const until = performance.now() + withinMs;
    // A registration is no credential for the member, and ends with its tokens.
    const left = taken.filter(({ key }) => key.kind === 'token');
    const done: WithdrawnCredential[] = [];
    const work = async (): Promise<void> => {
      for (let next = left.shift(); next; next = left.shift()) {
        const { serverId, principalId, issuer } = next.key;
        const outcome = performance.now() < until ? await this.revoke(next) : LATE;
        done.push({ serverId, issuer, ...(principalId === undefined ? {} : { principalId }), ...outcome });
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    return done;
  }

  private async revoke({ tokens }: TakenCredential): Promise<Outcome> {
    if (!tokens) return { outcome: 'failed', reason: 'the stored credential cannot be opened' };
    const contact = contactFrom(tokens.more?.['contact']);
    if (contact?.revocationEndpoint === undefined) {
      return { outcome: 'not_revocable', reason: 'its issuer names no place to revoke it' };
    }
    const given = { refresh_token: tokens.refreshToken, access_token: tokens.accessToken };
    const failures: string[] = [];
    for (const hint of HINTS) {
      const token = given[hint];
      if (token === undefined) continue;
      const failure = await this.failureOf(contact, token, hint);
      if (failure !== undefined) failures.push(`${hint}: ${failure}`);
    }
    return failures.length === 0 ? { outcome: 'revoked' } : { outcome: 'failed', reason: failures.join('; ') };
  }

  private async failureOf(
    contact: IssuerContact,
    token: string,
    hint: (typeof HINTS)[number],
  ): Promise<string | undefined> {
    try {
      await this.endpoint.revoke(contact, token, hint);
      return undefined;
    } catch (error) {
      return (error as { readonly reason?: string }).reason ?? 'it could not be asked';
    }
  }
}
