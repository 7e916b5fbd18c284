import { AccessDirectory } from '#access';
import { ConnectLinks } from '#auth';
import { Injectable, type OnModuleInit } from '@nestjs/common';

/** Tells the links for connecting members what tenants are called. */
@Injectable()
export class LinkTenants implements OnModuleInit {
  constructor(
    private readonly links: ConnectLinks,
    private readonly directory: AccessDirectory,
  ) {}

  onModuleInit(): void {
    this.links.useSlugs(async (id) => (await this.directory.tenant(id))?.slug);
  }
}
