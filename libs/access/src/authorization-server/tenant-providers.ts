import type { TenantId } from '#kernel';
import { Injectable } from '@nestjs/common';
import type { Provider } from 'oidc-provider';
import { GrantStanding } from './grants/grant-standing.js';
import { IssuerDirectory, type TenantIssuer } from './issuer-directory.js';
import { ProviderAdapter } from './provider-adapter.js';
import { type Library, ProviderLibrary } from './provider-library.js';
import { type SettingsParts, providerSettings } from './provider-settings.js';
import { SealedRecords } from './records/sealed-records.js';
import { TenantKeys } from './tenant-keys.js';

const MAX_PROVIDERS = 200;

/** One oidc-provider per tenant, made when it is first asked for; of too many, those that nobody asks for are dropped. */
@Injectable()
export class TenantProviders {
  /** Least recently used first. */
  private readonly providers = new Map<TenantId, Promise<Provider>>();

  constructor(
    private readonly issuers: IssuerDirectory,
    private readonly records: SealedRecords,
    private readonly keys: TenantKeys,
    private readonly standing: GrantStanding,
    private readonly library: ProviderLibrary,
  ) {}

  async get(issuer: TenantIssuer): Promise<Provider> {
    const { id } = issuer.tenant;
    const provider = this.providers.get(id) ?? this.make(issuer);
    this.providers.delete(id);
    this.providers.set(id, provider);
    if (this.providers.size > MAX_PROVIDERS) this.providers.delete(this.providers.keys().next().value!);
    provider.catch(() => {
      if (this.providers.get(id) === provider) this.providers.delete(id);
    });
    return provider;
  }

  private async make(issuer: TenantIssuer): Promise<Provider> {
    const library = await this.library.load();
    return this.library.make(issuer.issuer, providerSettings(await this.partsOf(issuer, library)));
  }

  private async partsOf(issuer: TenantIssuer, library: Library): Promise<SettingsParts> {
    const { id: tenantId, slug } = issuer.tenant;
    return {
      issuer: issuer.issuer,
      tenantId,
      slug,
      isSecure: this.issuers.isSecure,
      keys: await this.keys.get(tenantId),
      library,
      adapter: (kind: string) => this.adapter(kind, tenantId, library),
      fetch: this.library.fetch,
      defaultResource: this.issuers.defaultResource(issuer),
      isResource: (resource) => this.issuers.isResource(issuer, resource),
      grant: (grantId) => this.standing.grant(tenantId, grantId),
      client: (clientId) => this.standing.client(tenantId, clientId),
      isLetIn: (principal, issuedAt) => this.standing.isLetIn(tenantId, principal, issuedAt),
    };
  }

  private adapter(kind: string, tenantId: TenantId, { Provider, errors }: Library): ProviderAdapter {
    return new ProviderAdapter(kind, {
      tenantId,
      records: this.records,
      refuse: (used) =>
        used === 'ReplayDetection'
          ? new errors.InvalidClient('client authentication failed', 'the assertion was used before')
          : new errors.InvalidGrant('this was used before'),
      presented: () => {
        const { entities } = Provider.ctx?.oidc ?? {};
        const token = entities?.RefreshToken ?? entities?.AuthorizationCode;
        return { accountId: token?.accountId, clientId: entities?.Client?.clientId };
      },
    });
  }
}
