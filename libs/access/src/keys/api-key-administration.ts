import { Clock, type JsonObject, type TenantId } from '#kernel';
import { SecretValues } from '#observability';
import { ROLES, SCOPES, type Scope } from '#tenancy';
import { Injectable } from '@nestjs/common';
import type { NewKey } from '../access-input.js';
import { InvalidInputError } from '../access.errors.js';
import { type Authority, refuseGrant, refuseScopes } from '../authority.js';
import { PrincipalAdministration } from '../principals/principal-administration.js';
import type { StoredPrincipal } from '../principals/principal.store.js';
import { UnfitPrincipalError } from '../principals/principals.errors.js';
import { apiKeyText, hashOfSecret, newApiKeyId, newApiKeySecret, tenantOfApiKey } from './api-key-text.js';
import { ApiKeyStore, type StoredApiKey } from './api-key.store.js';
import { EXPIRY_HINT, expiryAfter } from './key-expiry.js';
import { UnknownKeyError } from './keys.errors.js';

export interface IssuedKey {
  readonly stored: StoredApiKey;
  readonly principal: StoredPrincipal;
  /** The key itself. It is kept nowhere: whoever gets it must show it now, and only now. */
  readonly text: string;
}

/** Keys of a tenant's service accounts. */
@Injectable()
export class ApiKeyAdministration {
  constructor(
    private readonly keys: ApiKeyStore,
    private readonly principals: PrincipalAdministration,
    private readonly secrets: SecretValues,
    private readonly clock: Clock,
  ) {}

  list(tenant: TenantId): Promise<readonly StoredApiKey[]> {
    return this.keys.list(tenant);
  }

  /**
   * Makes a key, for a service account that is there, or for one of a role that is made if it is not.
   *
   * @throws InvalidInputError, ForbiddenGrantError, UnknownPrincipalError, UnfitPrincipalError, TooManyKeysError
   */
  async issue(by: Authority, wanted: NewKey): Promise<IssuedKey> {
    const expiresAt = wanted.expires === undefined ? undefined : this.end(wanted.expires);
    if (wanted.scopes) refuseScopes(by, wanted.scopes);
    const principal =
      'principal' in wanted
        ? await this.principals.get(by.tenantId, wanted.principal)
        : await this.accountOf(by, wanted.role, wanted.name ?? wanted.role);
    refuseGrant(by, principal.roles);
    refuseUnfit(principal);
    const scopes = wanted.scopes ?? scopesFor(principal);
    refuseScopes(by, scopes);

    const [id, secret] = [newApiKeyId(by.tenantId), newApiKeySecret()];
    const text = apiKeyText(id, secret);
    this.secrets.remember(text); // should it get into a line of the log, it is masked there
    const draft = {
      tenantId: by.tenantId,
      id,
      principalId: principal.id,
      name: wanted.name ?? principal.name,
      hash: hashOfSecret(secret),
      scopes: [...new Set(scopes)],
      ...(expiresAt ? { expiresAt } : {}),
    };
    const after = keyView({ ...draft, createdAt: new Date(this.clock.now()) });
    const event = { action: 'api_key.created', actor: by.actor, target: `api_key:${id}`, after };
    return { stored: await this.keys.insert(draft, event), principal, text };
  }

  /** @throws UnknownKeyError, ForbiddenGrantError */
  async revoke(by: Authority, id: string): Promise<void> {
    // The id of a foreign key names another tenant, and is unknown here like any other.
    const known = tenantOfApiKey(id) === by.tenantId ? await this.keys.find(by.tenantId, id) : undefined;
    if (!known) throw new UnknownKeyError();
    refuseGrant(by, (await this.principals.get(by.tenantId, known.principalId)).roles); // an operator's is for operators
    const event = { action: 'api_key.revoked', actor: by.actor, target: `api_key:${id}`, before: keyView(known) };
    if (!(await this.keys.revoke(by.tenantId, id, event))) throw new UnknownKeyError();
  }

  private async accountOf(by: Authority, role: string, name: string): Promise<StoredPrincipal> {
    const known = await this.principals.serviceAccount(by.tenantId, name);
    const account = known ?? (await this.principals.createServiceAccount(by, { name, roles: [role] }));
    // Another role would be given to the keys that it has already, too.
    if (!account.roles.includes(role)) {
      throw new UnfitPrincipalError(name, `exists and has not the role "${role}"`);
    }
    return account;
  }

  private end(text: string): Date {
    const end = expiryAfter(text, this.clock.now());
    if (!end) throw new InvalidInputError([{ path: 'expires', message: `must be ${EXPIRY_HINT}` }]);
    return end;
  }
}

/** A key as the API and the trail show it: never its secret, nor the hash of it. */
export function keyView(key: StoredApiKey): JsonObject {
  const { id, principalId, name, scopes, expiresAt, revokedAt, lastUsedAt, createdAt } = key;
  const times = { expires_at: expiresAt, revoked_at: revokedAt, last_used_at: lastUsedAt };
  return {
    id,
    name,
    principal: principalId,
    scopes,
    created_at: createdAt.toISOString(),
    ...Object.fromEntries(Object.entries(times).flatMap(([when, at]) => (at ? [[when, at.toISOString()]] : []))),
  };
}

function refuseUnfit({ kind, name, disabledAt }: StoredPrincipal): void {
  if (kind !== 'service') throw new UnfitPrincipalError(name, 'is a person, who signs in instead of using a key');
  if (disabledAt) throw new UnfitPrincipalError(name, 'is disabled');
}

/** Whoever only calls needs no key to the management. */
function scopesFor({ roles }: StoredPrincipal): readonly Scope[] {
  return roles.some((role) => role !== 'caller' && ROLES.some((builtIn) => builtIn === role)) ? SCOPES : ['mcp'];
}
