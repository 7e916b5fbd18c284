import type { JsonObject, TenantId } from '#kernel';
import type { DocumentRef } from '#persistence';
import { pathOf } from '../../document-paths.js';
import type { AuthorizationRecord, RecordRef } from './authorization-record.store.js';

/** What the paths of all records of a kind begin with. */
export const recordKind = (kind: string): string => `${pathOf('authorization', kind)}/`;

export const recordRef = ({ tenantId, kind, id }: RecordRef): DocumentRef => ({
  partition: tenantId,
  path: pathOf('authorization', `${kind}/${id}`),
});

export function recordBody(record: AuthorizationRecord, createdAt: number): JsonObject {
  const { kind, id, payload, generation, grantId, uid, consumedAt, expiresAt } = record;
  return {
    kind,
    id,
    payload,
    generation,
    ...(grantId === undefined ? {} : { grantId }),
    ...(uid === undefined ? {} : { uid }),
    ...(consumedAt ? { consumedAt: consumedAt.toISOString() } : {}),
    ...(expiresAt ? { expiresAt: expiresAt.toISOString() } : {}),
    createdAt,
  };
}

export function recordIn(tenantId: TenantId, body: JsonObject): AuthorizationRecord {
  const { kind, id, payload, generation, grantId, uid, consumedAt, expiresAt } = body as Record<string, unknown>;
  return {
    tenantId,
    kind: kind as string,
    id: id as string,
    payload: payload as string,
    generation: generation as number,
    ...(grantId === undefined ? {} : { grantId: grantId as string }),
    ...(uid === undefined ? {} : { uid: uid as string }),
    ...(consumedAt === undefined ? {} : { consumedAt: new Date(consumedAt as string) }),
    ...(expiresAt === undefined ? {} : { expiresAt: new Date(expiresAt as string) }),
  };
}
