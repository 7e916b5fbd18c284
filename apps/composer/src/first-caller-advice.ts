import { type AccessConfig, ApiKeyStore, Issuers, TenantStore, accessConfig } from '#access';
import type { TenantId } from '#kernel';
import { Log } from '#observability';
import { Inject, Injectable } from '@nestjs/common';

/** Whoever has more tenants than this and no credential in the first ones knows what a key is. */
const MOST_TENANTS = 10;
const ADVICE =
  'nobody can call yet: there is no API key and no identity provider; on this host, make a tenant and its first key: ' +
  '`composer tenant create acme`, then `composer key create --tenant acme --role admin` ' +
  '(in a checkout `npm run composer -- tenant create acme`, and so on)';

/** Says in the log how to let the first one in, where callers need a credential and there is none that they could have. */
@Injectable()
export class FirstCallerAdvice {
  constructor(
    @Inject(accessConfig.KEY) private readonly config: AccessConfig,
    private readonly tenants: TenantStore,
    private readonly keys: ApiKeyStore,
    private readonly issuers: Issuers,
    private readonly log: Log,
  ) {}

  /** Never rejects: it is advice. */
  async give(): Promise<void> {
    if (this.config.mode === 'none') return;
    try {
      if (await this.isEmpty()) this.log.warn(ADVICE);
    } catch (error) {
      this.log.debug('whether anybody can call could not be found out', { err: error });
    }
  }

  private async isEmpty(): Promise<boolean> {
    const tenants = await this.tenants.list();
    if (tenants.length > MOST_TENANTS) return false;
    for (const { id } of tenants) if (await this.hasCredentials(id)) return false;
    return true;
  }

  private async hasCredentials(tenant: TenantId): Promise<boolean> {
    const [keys, issuers] = await Promise.all([this.keys.list(tenant), this.issuers.list(tenant)]);
    return keys.length > 0 || issuers.length > 0;
  }
}
