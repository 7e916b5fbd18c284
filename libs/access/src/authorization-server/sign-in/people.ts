import { AuditTrail } from '#audit';
import { Clock, type TenantId } from '#kernel';
import { SYSTEM } from '#tenancy';
import { Injectable } from '@nestjs/common';
import { principalIdOf } from '../../issuers/issuer-claims.js';
import { PrincipalStore, type StoredPrincipal } from '../../principals/principal.store.js';
import type { SignInRecord } from '../grants/sign-in-record.js';
import type { Person } from './person-finder.js';
import { SignInRefusedError } from './sign-in.errors.js';

/** From a person at an identity provider to the principal of the tenant. */
@Injectable()
export class People {
  constructor(
    private readonly store: PrincipalStore,
    private readonly trail: AuditTrail,
    private readonly clock: Clock,
  ) {}

  /**
   * Finds the principal, or makes one, and records the sign-in; nobody is let in without that.
   * @throws SignInRefusedError for whoever is disabled
   */
  async signIn(tenant: TenantId, person: Person): Promise<Pick<SignInRecord, 'principalId' | 'at'>> {
    const at = this.clock.now();
    const principal = await this.principalOf(tenant, person);
    const isRefused = principal.disabledAt !== undefined;
    await this.trail.record(tenant, {
      action: isRefused ? 'sign_in.refused' : 'sign_in.done',
      outcome: isRefused ? 'refused' : 'done',
      actor: { kind: 'principal', id: principal.id },
      target: `principal:${principal.id}`,
      detail: { issuer: person.issuer },
    });
    if (isRefused) throw new SignInRefusedError('your account here is disabled; ask an administrator');
    return { principalId: principal.id, at };
  }

  private async principalOf(tenantId: TenantId, { issuer, subject, name }: Person): Promise<StoredPrincipal> {
    const identity = { issuer, subject };
    const known = await this.store.findByIdentity(tenantId, identity);
    if (known) return known;
    const id = principalIdOf(identity);
    const draft = { tenantId, id, kind: 'user' as const, name, roles: [], identity };
    return this.store.insert(draft, {
      action: 'principal.created',
      actor: SYSTEM,
      target: `principal:${id}`,
      after: { kind: 'user', name, roles: [], identity },
    });
  }
}
