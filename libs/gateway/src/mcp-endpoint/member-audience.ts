import { MemberPool } from '#builder';
import type { TenantId } from '#kernel';
import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { ChangeStreams } from './change-streams.js';

/** Has the members of a tenant listened to as long as somebody of the tenant listens here, those that come later too. */
@Injectable()
export class MemberAudience implements OnModuleInit, OnApplicationShutdown {
  private stopListening: readonly (() => void)[] = [];

  constructor(
    private readonly streams: ChangeStreams,
    private readonly pool: MemberPool,
  ) {}

  onModuleInit(): void {
    this.stopListening = [
      this.streams.onAudience((tenant, isThere) => this.listen(tenant, isThere)),
      // A member that has taken the place of another one hears of it now.
      this.pool.onChange((tenant) => {
        if (this.streams.hasAudience(tenant)) this.listen(tenant, true);
      }),
    ];
  }

  onApplicationShutdown(): void {
    for (const stop of this.stopListening) stop();
  }

  private listen(tenant: TenantId, isWanted: boolean): void {
    for (const { member } of this.pool.members(tenant)) member?.listen(isWanted);
  }
}
