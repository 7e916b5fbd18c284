import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { MemberReach } from '../catalog/member-reach.js';
import { ChangeStreams } from '../mcp-endpoint/change-streams.js';
import { CredentialFeed, type CredentialNews } from './credential-feed.js';
import { OpenElicitations } from './open-elicitations.js';

const LOGGER = 'mcp-composer';

/** Tells clients over their open streams that a credential has failed, or that what they were asked for is done. */
@Injectable()
export class CredentialNotices implements OnModuleInit, OnApplicationShutdown {
  private stopListening: () => void = () => undefined;

  constructor(
    private readonly feed: CredentialFeed,
    private readonly reach: MemberReach,
    private readonly streams: ChangeStreams,
    private readonly open: OpenElicitations,
  ) {}

  onModuleInit(): void {
    this.stopListening = this.feed.onNews((news) => (news.state === 'live' ? this.isBack(news) : this.hasFailed(news)));
  }

  onApplicationShutdown(): void {
    this.stopListening();
  }

  private hasFailed({ member, principalId, state }: CredentialNews): void {
    const data = { server: member.serverId, state };
    const notice = { method: 'notifications/message', params: { level: 'warning', logger: LOGGER, data } };
    this.streams.warn(member.tenantId, notice, async ({ principal }) => {
      if (principalId !== undefined && principal.id !== principalId) return false;
      return this.reach.reaches(principal, member.serverId);
    });
  }

  /** 2025-11-25, elicitation: the client may repeat what it was refused. */
  private isBack({ member, principalId }: CredentialNews): void {
    for (const { sessionId, elicitationId } of this.open.take(member, principalId)) {
      this.streams.notify(sessionId, { method: 'notifications/elicitation/complete', params: { elicitationId } });
    }
  }
}
