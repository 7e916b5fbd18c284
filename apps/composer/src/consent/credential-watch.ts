import { MemberPool } from '#builder';
import { CredentialFeed } from '#gateway';
import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';

/** Has members asked anew, as the one who has connected them, whose credential has come or come back. */
@Injectable()
export class CredentialWatch implements OnModuleInit, OnApplicationShutdown {
  private stopListening: () => void = () => undefined;

  constructor(
    private readonly feed: CredentialFeed,
    private readonly pool: MemberPool,
  ) {}

  onModuleInit(): void {
    this.stopListening = this.feed.onNews(({ member: { tenantId, serverId }, principalId, state }) => {
      if (state === 'live') this.pool.noteCredentialsChanged(tenantId, serverId, principalId);
    });
  }

  onApplicationShutdown(): void {
    this.stopListening();
  }
}
