import { randomUUID } from 'node:crypto';
import type { AuditEvent } from '#audit';
import { type DocumentsAuditTrail, PostgresAuditTrail } from '#audit';
import { documentsTrailOn, recordedActions, recordingOn, trailOn } from '#audit/testing';
import { Clock, type TenantId, tenantId } from '#kernel';
import { Log, SecretValues } from '#observability';
import type { Documents } from '#persistence';
import { MemoryDocuments, type OpenDatabase } from '#persistence/testing';
import { type Actor, DEFAULT_TENANT } from '#tenancy';
import type { ApiKeyStore } from '../src/keys/api-key.store.js';
import { pathOf } from '../src/document-paths.js';
import { DocumentsApiKeyStore } from '../src/keys/documents.api-key.store.js';
import { PostgresApiKeyStore } from '../src/keys/postgres.api-key.store.js';
import { DocumentsPrincipalStore } from '../src/principals/documents.principal.store.js';
import { PostgresPrincipalStore } from '../src/principals/postgres.principal.store.js';
import type { PrincipalStore } from '../src/principals/principal.store.js';
import { DocumentsRoleStore } from '../src/roles/documents.role.store.js';
import { PostgresRoleStore } from '../src/roles/postgres.role.store.js';
import type { RoleStore } from '../src/roles/role.store.js';
import { DocumentsTenantStore } from '../src/tenants/documents.tenant.store.js';
import { PostgresTenantStore } from '../src/tenants/postgres.tenant.store.js';
import { TenantRemovals } from '../src/tenants/tenant-removals.js';
import type { TenantStore } from '../src/tenants/tenant.store.js';
import { MemoryTrail } from './memory-trail.js';
import { MemoryApiKeyStore } from './memory.api-key.store.js';
import { MemoryPrincipalStore } from './memory.principal.store.js';
import { MemoryRoleStore } from './memory.role.store.js';
import { MemoryTenantStore } from './memory.tenant.store.js';

/** The stores of who may call, on one backend, and two tenants that exist there. */
export interface AccessStores {
  readonly tenants: TenantStore;
  readonly principals: PrincipalStore;
  readonly roles: RoleStore;
  readonly keys: ApiKeyStore;
  readonly own: TenantId;
  readonly foreign: TenantId;
  /** The actions in the trail of a tenant, in their order. */
  actions(tenant: TenantId): Promise<readonly string[]>;
  /** The tenants that were announced to have changed, in their order. */
  readonly announced: readonly TenantId[];
  /** While it is set no event can be recorded. */
  breakTrail(broken: boolean): void;
  /** Puts in many copies of a role or a key, past the store, where it would take minutes to make each of them. */
  copy?(
    tenant: TenantId,
    kind: 'role' | 'api-key',
    copies: { readonly of: string; readonly count: number },
  ): Promise<void>;
  close(): Promise<void>;
}

const ACTOR: Actor = { kind: 'system', id: 'test' };

export const eventOf = (action: string): AuditEvent => ({ action, actor: ACTOR, target: 'test:1' });

const draftOf = (id: TenantId) => ({ id, slug: `t-${id}`, name: 'A tenant' });

export interface MemoryStores extends AccessStores {
  readonly tenants: MemoryTenantStore;
  readonly trail: MemoryTrail;
}

/** Real behaviour, in one process and without a database. */
export async function memoryStores(): Promise<MemoryStores> {
  const trail = new MemoryTrail();
  const tenants = new MemoryTenantStore(trail);
  const principals = new MemoryPrincipalStore(tenants, trail);
  const [own, foreign] = [tenantId(randomUUID()), tenantId(randomUUID())];
  for (const id of [own, foreign]) await tenants.insert(draftOf(id), eventOf('tenant.created'));
  const announced: TenantId[] = [];
  trail.feed.onChange(({ tenantId: changed }) => void announced.push(changed));
  return {
    trail,
    tenants,
    principals,
    roles: new MemoryRoleStore(tenants, trail),
    keys: new MemoryApiKeyStore(principals, trail),
    own,
    foreign,
    announced,
    actions: async (tenant) => trail.events.filter((e) => e.tenantId === tenant).map(({ event }) => event.action),
    breakTrail: (broken) => void (trail.fault = broken ? new Error('no audit') : undefined),
    close: async () => undefined,
  };
}

/** The stores on documents. */
export async function documentStores(
  documents: Documents = new MemoryDocuments(),
  close: () => Promise<void> = async () => undefined,
): Promise<AccessStores> {
  const isFast = documents instanceof MemoryDocuments;
  const clock = new Clock();
  const real = await documentsTrailOn(documents);
  let isBroken = false;
  const append: DocumentsAuditTrail['append'] = async (...args) => {
    if (isBroken) throw new Error('no audit');
    await real.append(...args);
  };
  const trail = Object.create(real, { append: { value: append } }) as DocumentsAuditTrail;
  const { recorded, changes } = await recordingOn(documents, { trail });
  const tenants = new DocumentsTenantStore(
    recorded,
    new TenantRemovals(documents, recorded, changes, clock, quiet()),
    clock,
  );
  await tenants.onModuleInit();
  const [own, foreign] = [tenantId(randomUUID()), tenantId(randomUUID())];
  for (const id of [own, foreign]) await tenants.insert(draftOf(id), eventOf('tenant.created'));
  const announced: TenantId[] = [];
  changes.onAnnounced(({ tenantId: changed, topic }) => void (topic === 'access' && announced.push(changed)));
  return {
    tenants,
    principals: new DocumentsPrincipalStore(recorded, clock),
    roles: new DocumentsRoleStore(recorded, clock),
    keys: new DocumentsApiKeyStore(recorded, clock),
    own,
    foreign,
    announced,
    actions: (tenant) => recordedActions(documents, tenant),
    breakTrail: (broken) => void (isBroken = broken),
    ...(isFast ? {} : { copy: (tenant, kind, copies) => copyIn(documents, tenant, { kind, ...copies }) }),
    close,
  };
}

async function copyIn(
  documents: Documents,
  tenant: TenantId,
  { kind, of, count }: { kind: string; of: string; count: number },
): Promise<void> {
  const { body } = (await documents.read({ partition: tenant, path: pathOf(kind, of) }))!;
  const names = Array.from({ length: count }, (_, n) => `copy-${n}`);
  const write = (name: string) => {
    const value = { ...(body['value'] as object), id: name, name };
    return documents.write({ partition: tenant, path: pathOf(kind, name) }, { ...body, value });
  };
  while (names.length > 0) await Promise.all(names.splice(0, 20).map(write));
}

const quiet = (): Log => Log.open({ level: 'fatal', format: 'json' }, new SecretValues(), () => undefined);

/** The stores on a test's database, which they close. */
export async function databaseStores(opened: OpenDatabase): Promise<AccessStores> {
  const { database } = opened;
  const real = await trailOn(database);
  let isBroken = false;
  const append: PostgresAuditTrail['append'] = async (tx, ...events) => {
    await real.append(tx, ...events);
    if (isBroken) throw new Error('no audit');
  };
  const trail = Object.create(real, { append: { value: append } }) as PostgresAuditTrail;
  const tenants = new PostgresTenantStore(database, trail);
  const [own, foreign] = [tenantId(randomUUID()), tenantId(randomUUID())];
  for (const id of [own, foreign]) await tenants.insert(draftOf(id), eventOf('tenant.created'));
  const announced: TenantId[] = [];
  database.onAnnounced(({ tenantId: changed, topic }) => void (topic === 'access' && announced.push(changed)));
  return {
    tenants,
    principals: new PostgresPrincipalStore(database, trail),
    roles: new PostgresRoleStore(database, trail),
    keys: new PostgresApiKeyStore(database, trail),
    own,
    foreign,
    announced,
    actions: (tenant) =>
      database.inTenant(tenant ?? DEFAULT_TENANT, async (tx) =>
        (await tx.query<{ action: string }>('SELECT action FROM audit_events ORDER BY seq')).map(
          ({ action }) => action,
        ),
      ),
    breakTrail: (broken) => void (isBroken = broken),
    close: () => opened.close(),
  };
}
