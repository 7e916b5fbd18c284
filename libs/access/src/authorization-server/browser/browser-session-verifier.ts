import { SCOPES } from '#tenancy';
import { Injectable } from '@nestjs/common';
import { AccessDirectory } from '../../directory/access-directory.js';
import type { CredentialVerifier, Verified } from '../../identity/credential-verifier.js';
import { GrantLedger } from '../grants/grant-ledger.js';
import { BrowserSessions } from './browser-sessions.js';

/** Sessions of browsers, as their cookie presents them. Whoever reads the cookie has made sure that no other page asks. */
@Injectable()
export class BrowserSessionVerifier implements CredentialVerifier {
  constructor(
    private readonly sessions: BrowserSessions,
    private readonly ledger: GrantLedger,
    private readonly directory: AccessDirectory,
  ) {}

  takes(presented: string): boolean {
    return this.sessions.open(presented) !== undefined;
  }

  async verify(presented: string): Promise<Verified | undefined> {
    const handle = this.sessions.open(presented);
    const live = handle && (await this.ledger.session(handle.tenantId, handle.id));
    const principal =
      live &&
      (await this.directory.principalFor(handle.tenantId, live.principalId, {
        scopes: live.scopes ?? SCOPES,
        credential: {
          kind: 'session',
          id: `session-${handle.id.slice(0, 16)}`,
          ...(live.expiresAt === undefined ? {} : { expiresAt: live.expiresAt }),
        },
        roles: live.roles,
        ...(live.since === undefined ? {} : { issuedAt: new Date(live.since) }),
      }));
    return principal && { principal };
  }
}
