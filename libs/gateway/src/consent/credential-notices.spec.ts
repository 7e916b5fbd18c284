import { beforeEach, describe, expect, it } from '@jest/globals';
import { serverId, tenantId } from '#kernel';
import type { Principal } from '#tenancy';
import { principalOf } from '#tenancy/testing';
import type { MemberReach } from '../catalog/member-reach.js';
import type { ChangeStream, ChangeStreams, Notification } from '../mcp-endpoint/change-streams.js';
import { CredentialFeed, type CredentialNews } from './credential-feed.js';
import { CredentialNotices } from './credential-notices.js';
import { OpenElicitations } from './open-elicitations.js';

const acme = tenantId('acme');
const member = { tenantId: acme, serverId: serverId('crm') };
const [ann, bob, eve] = ['ann', 'bob', 'eve'].map((id) => principalOf(id, { tenantId: acme })) as [
  Principal,
  Principal,
  Principal,
];

class TestFeed extends CredentialFeed {
  tell: (news: CredentialNews) => void = () => undefined;
  override onNews(listener: (news: CredentialNews) => void): () => void {
    this.tell = listener;
    return () => (this.tell = () => undefined);
  }
}

describe('CredentialNotices', () => {
  let feed: TestFeed;
  let open: OpenElicitations;
  let notices: CredentialNotices;
  let told: string[];

  beforeEach(() => {
    feed = new TestFeed();
    open = new OpenElicitations();
    told = [];
    const streams = {
      warn: (tenant: string, note: Notification, concerns: (stream: ChangeStream) => Promise<boolean>) => {
        for (const principal of [ann, bob, eve]) {
          void concerns({ principal } as ChangeStream).then(
            (isMeant) => isMeant && told.push(`${tenant} ${principal.id} ${JSON.stringify(note.params)}`),
          );
        }
      },
      notify: (key: string, { method, params }: Notification) =>
        told.push(`${key} ${method} ${JSON.stringify(params)}`),
    };
    const reach = { reaches: async (by: Principal) => by !== eve };
    notices = new CredentialNotices(feed, reach as unknown as MemberReach, streams as unknown as ChangeStreams, open);
    notices.onModuleInit();
  });
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  const warning = '{"level":"warning","logger":"mcp-composer","data":{"server":"crm","state":"held"}}';

  it('warn everybody who may use the member of a credential that is shared', async () => {
    feed.tell({ member, state: 'held' });
    await settled();
    expect(told).toEqual([`acme ann ${warning}`, `acme bob ${warning}`]);
  });

  it('warn a principal alone of its own credential', async () => {
    feed.tell({ member, state: 'held', principalId: bob.id });
    await settled();
    expect(told).toEqual([`acme bob ${warning}`]);
  });

  it('tell those who were sent to the page that it is done', () => {
    for (const principal of [ann, bob]) {
      open.note({ principal, serverId: member.serverId, sessionId: `of ${principal.id}`, elicitationId: principal.id });
    }
    feed.tell({ member, state: 'live', principalId: bob.id });
    expect(told).toEqual(['of bob notifications/elicitation/complete {"elicitationId":"bob"}']);
    feed.tell({ member, state: 'live' });
    expect(told).toHaveLength(2);
  });

  it('end with the process', () => {
    notices.onApplicationShutdown();
    feed.tell({ member, state: 'held' });
    expect(told).toEqual([]);
  });
});
