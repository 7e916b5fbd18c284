import { type ListenConfig, listenConfig } from '#config';
import type { TenantId } from '#kernel';
import { DEFAULT_TENANT } from '#tenancy';
import { Inject, Injectable } from '@nestjs/common';
import type { CredentialUse } from '../credential-use.js';

/** The slug of a tenant; undefined if it is gone. */
export type TenantSlugs = (tenant: TenantId) => Promise<string | undefined>;

/** Where a person connects a member. The link holds no secret: whoever opens it has to show who they are. */
@Injectable()
export class ConnectLinks {
  private slugOf: TenantSlugs = async () => undefined;

  constructor(@Inject(listenConfig.KEY) private readonly config: Pick<ListenConfig, 'publicUrl'>) {}

  /** Entered once, by the layer that knows tenants, before the first call. */
  useSlugs(slugOf: TenantSlugs): void {
    this.slugOf = slugOf;
  }

  /** @param more a sealed wish for more than was consented to */
  async linkFor({ member, tool }: Pick<CredentialUse, 'member' | 'tool'>, more?: string): Promise<string> {
    const slug = member.tenantId === DEFAULT_TENANT ? undefined : await this.slugOf(member.tenantId);
    const query = new URLSearchParams({
      ...(slug === undefined ? {} : { tenant: slug }),
      ...(tool === undefined ? {} : { tool }),
      ...(more === undefined ? {} : { more }),
    }).toString();
    return `${this.config.publicUrl}/connect/${member.serverId}${query === '' ? '' : `?${query}`}`;
  }
}
