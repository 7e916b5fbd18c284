import { Log } from '#observability';
import { type TakenCredential, UnwantedTokens } from '#token-store';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { TokenRevocation } from './token-revocation.js';

/** Revokes what issuers have given for credentials that were taken out of use meanwhile. Nobody waits for it. */
@Injectable()
export class UnwantedRevocation implements OnModuleInit {
  constructor(
    private readonly unwanted: UnwantedTokens,
    private readonly revocation: TokenRevocation,
    private readonly log: Log,
  ) {}

  onModuleInit(): void {
    this.unwanted.useRevoker((taken) => this.revoke(taken));
  }

  private async revoke(taken: TakenCredential): Promise<void> {
    for (const { serverId: server, issuer, outcome, reason } of await this.revocation.revokeAll([taken])) {
      const about = { tenant: taken.key.tenantId, server, issuer, ...(reason === undefined ? {} : { reason }) };
      if (outcome === 'revoked') this.log.info('what came for a credential that is gone was revoked', about);
      else this.log.warn('what came for a credential that is gone is not used, and could not be revoked', about);
    }
  }
}
