import { type JsonObject, type PrincipalId, type TenantId, principalId } from '#kernel';
import type { DocumentRef } from '#persistence';
import type { Scope } from '#tenancy';
import { pathOf } from '../document-paths.js';
import type { StoredApiKey } from './api-key.store.js';

const KIND = 'api-key';
export const API_KEYS = `${KIND}/`;

export const apiKeyRef = (tenant: TenantId, id: string): DocumentRef => ({ partition: tenant, path: pathOf(KIND, id) });

/** Whose a stored key is: a principal, and the birth that tells it from another one of its id. */
export function keyOwnerIn(body: JsonObject): { readonly id: PrincipalId; readonly birth: string } {
  return { id: principalId(body['principalId'] as string), birth: body['birth'] as string };
}

export function apiKeyBody(key: StoredApiKey, birth: string): JsonObject {
  const { id, principalId: principal, name, hash, scopes, expiresAt, revokedAt, lastUsedAt, createdAt } = key;
  return {
    id,
    principalId: principal,
    birth,
    name,
    hash: hash.toString('base64'),
    scopes,
    ...(expiresAt ? { expiresAt: expiresAt.toISOString() } : {}),
    ...(revokedAt ? { revokedAt: revokedAt.toISOString() } : {}),
    ...(lastUsedAt ? { lastUsedAt: lastUsedAt.toISOString() } : {}),
    createdAt: createdAt.toISOString(),
  };
}

export function apiKeyOf(tenantId: TenantId, body: JsonObject): StoredApiKey {
  const { id, name, hash, scopes, expiresAt, revokedAt, lastUsedAt, createdAt } = body as Record<string, unknown>;
  return {
    tenantId,
    id: id as string,
    principalId: keyOwnerIn(body).id,
    name: name as string,
    hash: Buffer.from(hash as string, 'base64'),
    scopes: scopes as readonly Scope[],
    ...(expiresAt === undefined ? {} : { expiresAt: new Date(expiresAt as string) }),
    ...(revokedAt === undefined ? {} : { revokedAt: new Date(revokedAt as string) }),
    ...(lastUsedAt === undefined ? {} : { lastUsedAt: new Date(lastUsedAt as string) }),
    createdAt: new Date(createdAt as string),
  };
}
