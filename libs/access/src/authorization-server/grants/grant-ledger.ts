import { Clock, type PrincipalId, type TenantId, principalId } from '#kernel';
import type { Scope } from '#tenancy';
import { Injectable } from '@nestjs/common';
import { AccessChanges } from '../../directory/access-changes.js';
import { AccessCache } from '../../directory/access-cache.js';
import { ApiKeyStore } from '../../keys/api-key.store.js';
import type { RegisteredClient } from '../clients/registered-client.js';
import { DYNAMIC_CLIENT, REGISTERED_CLIENT } from '../provider-adapter.js';
import { SealedRecords } from '../records/sealed-records.js';
import { IssuerRoles } from './issuer-roles.js';
import { type KeySignInRecord, SIGN_IN, type SignInRecord } from './sign-in-record.js';

/** What a token or a session rests on, as it is now. */
export interface LiveGrant {
  readonly principalId: PrincipalId;
  /** Roles that the identity provider gives. */
  readonly roles: readonly string[];
  /** When the person signed in, in milliseconds since the epoch; absent for a client that acts for itself. */
  readonly since?: number;
  /** What it is good for, where that is less than everything: the scopes of the key that it rests on. */
  readonly scopes?: readonly Scope[];
  /** When it ends, in milliseconds since the epoch, where that is not said by the credential. */
  readonly expiresAt?: number;
}

const MAX_ENTRIES = 20_000;

/**
 * Says whether a grant, a client or a session is still good. Access tokens are signed and carry their own end, so this
 * is what makes a revocation count at once: every use asks here. Answers are kept for a minute at most, and are all
 * forgotten when something changes in the tenant's access.
 */
@Injectable()
export class GrantLedger {
  private readonly cache: AccessCache<LiveGrant | undefined>;

  constructor(
    private readonly records: SealedRecords,
    private readonly issuers: IssuerRoles,
    private readonly keys: ApiKeyStore,
    changes: AccessChanges,
    private readonly clock: Clock,
  ) {
    this.cache = new AccessCache(changes, clock, MAX_ENTRIES);
  }

  /** The grant of a person to a client, by its id. */
  async grant(tenant: TenantId, grantId: string): Promise<LiveGrant | undefined> {
    return this.cache.get(tenant, `grant ${grantId}`, async () => {
      const grant = await this.records.find<{ clientId?: string }>({ tenantId: tenant, kind: 'Grant', name: grantId });
      if (!grant?.clientId || !(await this.isKnown(tenant, grant.clientId))) return undefined;
      return this.signedIn(tenant, grantId);
    });
  }

  /** The session of a person's browser, by its id. */
  async session(tenant: TenantId, id: string): Promise<LiveGrant | undefined> {
    return this.cache.get(tenant, `session ${id}`, () => this.signedIn(tenant, id));
  }

  /** The client that acts for itself. */
  async client(tenant: TenantId, clientId: string): Promise<LiveGrant | undefined> {
    return this.cache.get(tenant, `client ${clientId}`, async () => {
      const place = { tenantId: tenant, kind: REGISTERED_CLIENT, name: clientId };
      const client = await this.records.find<RegisteredClient>(place);
      return client?.principalId && { principalId: client.principalId, roles: [] };
    });
  }

  private async signedIn(tenantId: TenantId, name: string): Promise<LiveGrant | undefined> {
    const signIn = await this.records.find<SignInRecord | KeySignInRecord>({ tenantId, kind: SIGN_IN, name });
    if (signIn && 'keyId' in signIn) return this.signedInByKey(tenantId, signIn);
    const roles = signIn && (await this.issuers.rolesOf(tenantId, signIn));
    return roles && { principalId: principalId(signIn.principalId), roles, since: signIn.at };
  }

  private async signedInByKey(
    tenantId: TenantId,
    { principalId: id, keyId, at, until }: KeySignInRecord,
  ): Promise<LiveGrant | undefined> {
    const key = await this.keys.find(tenantId, keyId);
    const expiresAt = Math.min(until, key?.expiresAt?.getTime() ?? Infinity);
    if (!key || key.revokedAt || key.principalId !== id || expiresAt <= this.clock.now()) return undefined;
    return { principalId: principalId(id), roles: [], since: at, scopes: key.scopes, expiresAt };
  }

  /** Clients that are known by the document behind their id are not kept here. */
  private async isKnown(tenantId: TenantId, name: string): Promise<boolean> {
    if (name.startsWith('https://')) return true;
    for (const kind of [REGISTERED_CLIENT, DYNAMIC_CLIENT]) {
      if (await this.records.find({ tenantId, kind, name })) return true;
    }
    return false;
  }
}
