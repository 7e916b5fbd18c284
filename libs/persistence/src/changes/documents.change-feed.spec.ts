import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type TenantId, tenantId } from '#kernel';
import {
  type CloudantServer,
  MemoryDocuments,
  type OpenDocumentsChangeFeed,
  openCloudantDocuments,
  openCloudantServer,
  openDocumentsChangeFeed,
  until,
} from '../../testing/index.js';
import {
  type DocumentRange,
  type DocumentRef,
  Documents,
  OPERATOR,
  type StoredDocument,
} from '../documents/documents.js';

interface OpenProcesses {
  /** The documents as one more process has them. */
  documents(): Promise<Documents>;
  close(): Promise<void>;
}

describe.each([
  ['memory', inMemory],
  ['Cloudant', onCloudant],
] as const)('changes on documents, %s', (_, openProcesses) => {
  let processes: OpenProcesses;
  let documents: Documents;
  let tenant: TenantId;
  const open: OpenDocumentsChangeFeed[] = [];
  beforeAll(async () => {
    processes = await openProcesses();
    documents = await processes.documents();
  });
  beforeEach(() => void (tenant = tenantId(randomUUID())));
  afterEach(async () => void (await Promise.all(open.splice(0).map((feed) => feed.close()))));
  afterAll(() => processes?.close());

  const follow = async (of?: Documents, options = {}): Promise<OpenDocumentsChangeFeed> => {
    const feed = await openDocumentsChangeFeed(of ?? (await processes.documents()), options);
    open.push(feed);
    return feed;
  };
  const topicsOf = ({ told }: OpenDocumentsChangeFeed, of: TenantId = tenant) =>
    told.filter(({ tenantId }) => tenantId === of).map(({ topic }) => topic);
  const tells = (feed: OpenDocumentsChangeFeed, topic: string, withinMs = 2_000) =>
    until(() => topicsOf(feed).includes(topic), `the change of ${topic}`, withinMs);
  const replicas = async () => (await documents.range(OPERATOR, { prefix: 'replicas/' })).length;

  it('are told at once by the process that made them, within two seconds by others, and once more after three', async () => {
    const [one, two] = [await follow(), await follow()];
    const settledAt = async (): Promise<number> => {
      expect(await two.feed.settled(5_000)).toEqual([]);
      return performance.now();
    };
    const begun = performance.now();
    await one.changes.announce({ tenantId: tenant, topic: 'servers' });
    expect(topicsOf(one)).toEqual(['servers']);
    await tells(two, 'servers');
    await until(() => [one, two].every((feed) => topicsOf(feed).length === 2), 'the echo', 6_000);
    expect(performance.now() - begun).toBeGreaterThan(2_990);
    const echoed = await settledAt();
    await until(async () => (await settledAt()) > echoed + 4_000, 'more to come', 10_000);
    expect([one, two].map((feed) => topicsOf(feed))).toEqual(Array(2).fill(['servers', 'servers']));
  });

  it('of a topic that changes again and again are each told', async () => {
    const [one, two] = [await follow(), await follow()];
    for (let round = 1; round <= 3; round++) {
      await one.changes.announce({ tenantId: tenant, topic: 'servers' });
      await until(() => topicsOf(two).length >= round, 'the change over there', 2_000);
    }
  });

  it('all arrive that many processes announce at once', async () => {
    const feeds = [await follow(), await follow(), await follow()];
    const topics = Array.from({ length: 5 }, (_, n) => `topic-${n}`);
    const announce = (topic: string) => feeds.map(({ changes }) => changes.announce({ tenantId: tenant, topic }));
    await Promise.all(topics.flatMap((topic) => [...announce(topic), ...announce(topic)]));
    await until(() => feeds.every((feed) => topics.every((topic) => topicsOf(feed).includes(topic))), 'all', 3_000);
    await feeds[0]!.changes.announce({ tenantId: tenant, topic: 'topic-0' });
    const count = topicsOf(feeds[1]!).filter((topic) => topic === 'topic-0').length;
    await until(() => topicsOf(feeds[1]!).filter((topic) => topic === 'topic-0').length > count, 'the last', 2_000);
  });

  it('that nobody followed are told to who begins, and those of other tenants apart', async () => {
    const one = await follow();
    const other = tenantId(randomUUID());
    await one.changes.announce({ tenantId: other, topic: 'servers' });
    const two = await follow();
    expect(topicsOf(two, other)).toEqual(['servers']);
    expect(topicsOf(two)).toEqual([]);
  });

  it('are settled when every replica has taken them over, and name the one that has not', async () => {
    const [one, two] = [await follow(), await follow()];
    let finish = (): void => undefined;
    const gate = new Promise<void>((resolve) => (finish = resolve));
    two.feed.onChange(({ topic }) => (topic === 'slow' ? gate : undefined));
    await one.changes.announce({ tenantId: tenant, topic: 'slow' });
    await tells(two, 'slow');
    expect(await one.feed.settled(1_500)).toMatchObject([{ name: expect.stringMatching(`:${process.pid}$`) }]);
    finish();
    expect(await one.feed.settled(5_000)).toEqual([]);
  });

  it('are settled from a process that does not serve itself', async () => {
    const two = await follow();
    const command = await follow(undefined, { follows: false });
    await command.changes.announce({ tenantId: tenant, topic: 'from-outside' });
    expect(await command.feed.settled(5_000)).toEqual([]);
    expect(topicsOf(two)).toContain('from-outside');
    expect(topicsOf(command)).toEqual(['from-outside']);
  });

  it('are not settled by a replica that has fallen silent, and by one that left they are', async () => {
    const one = await follow();
    const gone = { partition: OPERATOR, path: `replicas/${randomUUID()}` } as const;
    const report = (silentMs: number) => ({ name: 'gone:1', applied: '0000000000000000', at: Date.now() - silentMs });
    const rev = await documents.write(gone, report(20_000));
    expect(await one.feed.settled(30_000)).toMatchObject([{ name: 'gone:1' }]);
    await documents.write(gone, report(400_000), rev);
    await follow();
    expect(await documents.read(gone)).toBeUndefined();
    expect(await one.feed.settled(5_000)).toEqual([]);
  });

  it('grow stale as long as nobody can look, and are found afterwards', async () => {
    const own = new Unsteady(await processes.documents());
    const [one, two] = [await follow(), await follow(own)];
    own.isAway = true;
    await one.changes.announce({ tenantId: tenant, topic: 'meanwhile' });
    await until(() => two.feed.staleness() > 1_500, 'it to grow stale', 5_000);
    expect(topicsOf(two)).toEqual([]);
    own.isAway = false;
    await tells(two, 'meanwhile', 3_000);
    await until(() => two.feed.staleness() < 1_500, 'it to be fresh', 3_000);
    const told = two.lines.filter((line) => /followed/.test(line));
    expect(told).toHaveLength(2);
  });

  it('are told by the call to settle where their documents come late to a node', async () => {
    const own = new Unsteady(await processes.documents());
    const [one, two] = [await follow(), await follow(own)];
    own.hides = (path) => path.startsWith(`changes/${tenant}/`);
    await one.changes.announce({ tenantId: tenant, topic: 'late' });
    expect(await one.feed.settled(5_000)).toEqual([]);
    expect(topicsOf(two)).toEqual(['late']);
    own.hides = () => false;
  });

  it('that are older than a month are cleared away, and counted on when they come again', async () => {
    const one = await follow();
    const path = `changes/${tenant}/old`;
    await documents.write({ partition: OPERATOR, path }, { version: Date.now() - 31 * 24 * 3_600_000 });
    await tells(one, 'old');
    await follow();
    expect(await documents.read({ partition: OPERATOR, path })).toBeUndefined();
    await open[1]!.changes.announce({ tenantId: tenant, topic: 'old' });
    const count = topicsOf(one).length;
    await until(() => topicsOf(one).length > count, 'the change to come again', 2_000);
  });

  it('are counted anew where the count is cleared away at the same moment', async () => {
    const own = new Unsteady(await processes.documents());
    const one = await follow(own, { follows: false });
    await one.changes.announce({ tenantId: tenant, topic: 'cleared' });
    const [before] = await documents.range(OPERATOR, { prefix: `changes/${tenant}/` });
    own.meets = () => documents.remove({ partition: OPERATOR, path: before!.path }, before!.rev);
    await one.changes.announce({ tenantId: tenant, topic: 'cleared' });
    const [after] = await documents.range(OPERATOR, { prefix: `changes/${tenant}/` });
    expect(after?.body['version']).toBeGreaterThan(before!.body['version'] as number);
  });

  it('leave no replica behind after an orderly stop', async () => {
    const before = await replicas();
    const one = await follow();
    expect(await replicas()).toBe(before + 1);
    await Promise.all(open.splice(0).map((feed) => feed.close()));
    expect(await replicas()).toBe(before);
    expect(one.lines.filter((line) => /"level":"(warn|error)"/.test(line))).toEqual([]);
  });
});

/** Documents that can be away, or show some of them late. */
class Unsteady extends Documents {
  isAway = false;
  hides: (path: string) => boolean = () => false;
  /** What somebody else does just before the next write. */
  meets: (() => Promise<void>) | undefined;

  constructor(private readonly real: Documents) {
    super();
  }

  override async read(ref: DocumentRef): Promise<StoredDocument | undefined> {
    return this.there().read(ref);
  }

  override async range(partition: DocumentRef['partition'], range: DocumentRange): Promise<readonly StoredDocument[]> {
    return (await this.there().range(partition, range)).filter(({ path }) => !this.hides(path));
  }

  override async write(...args: Parameters<Documents['write']>): Promise<string> {
    const meet = this.meets;
    this.meets = undefined;
    await meet?.();
    return this.there().write(...args);
  }

  override async remove(...args: Parameters<Documents['remove']>): Promise<void> {
    return this.there().remove(...args);
  }

  private there(): Documents {
    if (this.isAway) throw new Error('away');
    return this.real;
  }
}

async function inMemory(): Promise<OpenProcesses> {
  const documents = new MemoryDocuments();
  return { documents: async () => documents, close: async () => undefined };
}

async function onCloudant(): Promise<OpenProcesses> {
  const server: CloudantServer = await openCloudantServer();
  const config = server.database();
  const opened: { close(): Promise<void> }[] = [];
  return {
    documents: async () => {
      const one = await openCloudantDocuments(config);
      opened.push(one);
      return one.documents;
    },
    close: async () => {
      await Promise.all(opened.map((one) => one.close()));
      await server.close();
    },
  };
}
