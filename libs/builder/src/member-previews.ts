import { Log } from '#observability';
import { type Candidate, CatalogStore } from '#registry';
import { Injectable } from '@nestjs/common';
import type { MemberPreview } from './member-preview.js';
import { builderFor } from './members/member-builders.js';
import { MemberParts } from './members/member-parts.js';

/** What members would be like, before there are any: nobody is called, and no process is started. */
@Injectable()
export class MemberPreviews {
  constructor(
    private readonly catalogs: CatalogStore,
    private readonly parts: MemberParts,
    private readonly log: Log,
  ) {}

  /**
   * Undefined if only the member itself could tell what it offers. Rejects as building it would where its configuration
   * cannot be built.
   */
  async of({ ref, config }: Candidate): Promise<MemberPreview | undefined> {
    const { preview } = builderFor(config.type);
    if (!preview) return undefined;
    const stored = await this.catalogs.read(ref);
    const log = this.log.with({ tenant: ref.tenantId, server: ref.serverId });
    return preview({ ref, config, parts: this.parts, log, ...(stored ? { stored } : {}) });
  }
}
