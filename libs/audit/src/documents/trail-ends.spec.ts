import { beforeEach, describe, expect, it } from '@jest/globals';
import type { TenantId } from '#kernel';
import { type DocumentRef, type Documents, OPERATOR } from '#persistence';
import { MemoryDocuments, createTenantDocument, ringProvider } from '#persistence/testing';
import { SYSTEM } from '#tenancy';
import { documentsTrailOn, recordedActions } from '../../testing/documents-on.js';
import { WatchedDocuments, type WatchedRequest } from '../../testing/watched-documents.js';
import type { AuditEvent } from '../audit-event.js';
import { headRef } from './chain-documents.js';

const KEYS: DocumentRef = { partition: OPERATOR, path: 'keys/ring' };
const event = (action: string): AuditEvent => ({ action, actor: SYSTEM });

describe('the key of a trail on documents, when the key that wraps it is dropped', () => {
  let documents: MemoryDocuments;
  let provider: Awaited<ReturnType<typeof ringProvider>>;
  let tenant: TenantId;

  beforeEach(async () => {
    documents = new MemoryDocuments();
    provider = await ringProvider();
    tenant = await createTenantDocument(documents);
    await documents.write(KEYS, { [provider.keyIds()[0]!]: { sealed: 's' } });
  });
  const open = (on: Documents = documents) => documentsTrailOn(on, { provider });
  const mark = async (isDropped: boolean) => {
    const { rev, body } = (await documents.read(KEYS))!;
    const records = Object.entries(body).map(([id, record]) => [id, { ...(record as object), isDropped }]);
    await documents.write(KEYS, Object.fromEntries(records) as typeof body, rev);
  };
  const isHead = ({ method, path }: WatchedRequest) => method === 'write' && path === headRef(tenant).path;
  const dropped = { code: 'COMPOSER_KEY_DROPPED' };

  it.each(['before', 'while'])('is not kept when that happens %s it is stored', async (when) => {
    if (when === 'before') await mark(true);
    const trail = await open(new WatchedDocuments(documents, (request) => (isHead(request) ? mark(true) : undefined)));
    await expect(trail.record(tenant, event('lost'))).rejects.toMatchObject(dropped);
    expect(await documents.range(tenant, { prefix: 'audit' })).toEqual([]);
    await mark(false);
    await (await open()).record(tenant, event('kept'));
    expect(await recordedActions(documents, tenant)).toEqual(['kept']);
  });

  it('is taken back by who comes next where the process that has stored it dies', async () => {
    let isStored = false;
    const dying = new WatchedDocuments(documents, (request) => {
      if (isStored) throw new Error('killed');
      isStored = isHead(request);
    });
    await expect((await open(dying)).record(tenant, event('lost'))).rejects.toThrow('killed');
    expect(await documents.read(headRef(tenant))).toBeDefined();
    await mark(true);
    await expect((await open()).record(tenant, event('lost'))).rejects.toMatchObject(dropped);
    expect(await documents.read(headRef(tenant))).toBeUndefined();
  });

  it('stays where the trail has begun', async () => {
    let isBegun = false;
    const dying = new WatchedDocuments(documents, (request) => {
      if (isBegun && isHead(request)) throw new Error('killed');
      isBegun ||= isHead(request);
    });
    await expect((await open(dying)).record(tenant, event('first'))).rejects.toThrow('killed');
    expect((await documents.read(headRef(tenant)))!.body['seq']).toBe(0);
    await mark(true);
    await (await open()).record(tenant, event('second'));
    expect(await recordedActions(documents, tenant)).toEqual(['first', 'second']);
  });
});
