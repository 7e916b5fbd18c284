import { Clock, type TenantId } from '#kernel';
import { SecretValues } from '#observability';
import { Sealer } from '#persistence';
import { DEFAULT_TENANT } from '#tenancy';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { AccessChanges } from '../directory/access-changes.js';
import { AccessCache, EVERY_TENANT } from '../directory/access-cache.js';
import { type OauthConfig, oauthConfig } from '../oauth.config.js';
import { IssuerStore, type StoredIssuer } from './issuer.store.js';

/** The id of the issuer that the environment describes. */
export const ENVIRONMENT_ISSUER = 'environment';

/** An issuer that is trusted now, wherever it is described. */
export interface TrustedIssuer extends StoredIssuer {
  /** Where its metadata is, if that was told. */
  readonly configUrl?: string;
  /** Names of scopes at that issuer that together mean `mcp`. */
  readonly mcpScopes?: readonly string[];
}

const CACHED_AT_MOST = 2_000;
const EPOCH = new Date(0);

/**
 * Every issuer that is trusted now: the one that the environment describes for the default tenant, then the stored ones
 * that are not disabled. A change reaches every replica as fast as the change feed is.
 */
@Injectable()
export class Issuers implements OnModuleInit {
  private readonly cache: AccessCache<readonly StoredIssuer[]>;
  private readonly masked = new Map<string, string>();

  constructor(
    @Inject(oauthConfig.KEY) private readonly config: OauthConfig,
    private readonly store: IssuerStore,
    private readonly sealer: Sealer,
    private readonly secrets: SecretValues,
    changes: AccessChanges,
  ) {
    this.cache = new AccessCache(changes, new Clock(), CACHED_AT_MOST);
  }

  onModuleInit(): void {
    if (this.config.clientSecret !== undefined) this.secrets.remember(this.config.clientSecret);
  }

  /** Those of one tenant, the one of the environment first. */
  async list(tenant: TenantId): Promise<readonly TrustedIssuer[]> {
    const stored = await this.cache.get(tenant, '', () => this.store.list(tenant));
    const fixed = tenant === DEFAULT_TENANT ? this.fixed() : [];
    return oncePerTenant([...fixed, ...stored]);
  }

  /** Every tenant's entry for this issuer, spelled exactly so; one a tenant. */
  async findEverywhere(issuer: string): Promise<readonly TrustedIssuer[]> {
    const stored = await this.cache.get(EVERY_TENANT, issuer, () => this.store.findEverywhere(issuer));
    return oncePerTenant([...this.fixed(issuer), ...stored]);
  }

  /** Through which the people of a tenant sign in. */
  async signInOf(tenant: TenantId): Promise<TrustedIssuer | undefined> {
    return (await this.list(tenant)).find(({ settings }) => settings.sign_in !== undefined);
  }

  /** The secret of the composer's own client at this issuer. @throws SealBrokenError */
  async secretOf({ tenantId, id, version, sealedSecret }: TrustedIssuer): Promise<string | undefined> {
    if (id === ENVIRONMENT_ISSUER) return this.config.clientSecret;
    if (sealedSecret === undefined) return undefined;
    const secret = await this.sealer.open(sealRef({ tenantId, id, version }), sealedSecret);
    this.mask(`${tenantId}/${id}`, secret);
    return secret;
  }

  /** The path, from the root, to which identity providers send people back. */
  get callbackPath(): string {
    return this.config.callbackPath;
  }

  /**
   * The address of metadata does not tell whether an issuer ends with a slash; its tokens do, and are checked against the
   * metadata afterwards.
   */
  private fixed(asked?: string): readonly TrustedIssuer[] {
    const { issuer: settings, configUrl, mcpScopes } = this.config;
    if (!settings) return [];
    const spelling = asked ?? settings.issuer;
    const isSame = spelling === settings.issuer || (configUrl !== undefined && spelling === `${settings.issuer}/`);
    if (!isSame) return [];
    return [
      {
        tenantId: DEFAULT_TENANT,
        id: ENVIRONMENT_ISSUER,
        settings: { ...settings, issuer: spelling },
        version: 1,
        createdAt: EPOCH,
        mcpScopes,
        ...(configUrl === undefined ? {} : { configUrl }),
      },
    ];
  }

  private mask(key: string, secret: string): void {
    const before = this.masked.get(key);
    if (before === secret) return;
    this.secrets.remember(secret);
    if (before !== undefined) this.secrets.forget(before);
    this.masked.set(key, secret);
  }
}

/** Where the client secret of an issuer is sealed. */
export function sealRef({ tenantId, id, version }: Pick<StoredIssuer, 'tenantId' | 'id' | 'version'>) {
  return { tenantId, table: 'issuers', row: id, field: 'client_secret', generation: version };
}

/** The first one of each tenant and issuer, without those that are disabled. */
function oncePerTenant(all: readonly TrustedIssuer[]): readonly TrustedIssuer[] {
  const seen = new Set<string>();
  return all.filter(({ tenantId, settings, disabledAt }) => {
    const key = `${tenantId} ${settings.issuer}`;
    if (disabledAt !== undefined || seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}
