import { AuthAdapter } from '#auth';
import type { MemberRef } from '#kernel';
import { SecretValues } from '#observability';
import { Sealer } from '#persistence';
import { Injectable } from '@nestjs/common';
import type { ServerConfig } from './server-config.schema.js';
import { type SecretsByPlace, splitSecrets } from './server-config-secrets.js';
import type { ServerDraft, StoredVersion } from './server-config.store.js';

/** Between a configuration in use and one at rest: seals secrets on the way in, opens them on the way out. */
@Injectable()
export class SealedConfig {
  constructor(
    private readonly sealer: Sealer,
    private readonly auth: AuthAdapter,
    private readonly secretValues: SecretValues,
  ) {}

  async seal(ref: MemberRef, config: ServerConfig, version: number): Promise<ServerDraft> {
    const { shown, secrets } = splitSecrets(config, this.auth);
    const sealed: Record<string, string> = {};
    for (const [place, value] of secrets) {
      this.secretValues.remember(value);
      sealed[place] = await this.sealer.seal(sealRef(ref, place, version), value);
    }
    return { ref, config: shown, secrets: sealed, version };
  }

  /** Opens the secrets of a stored version. Throws if one of them was tampered with. */
  async open({ ref, secrets, version }: StoredVersion): Promise<SecretsByPlace> {
    const opened = new Map<string, string>();
    for (const [place, sealed] of Object.entries(secrets)) {
      const value = await this.sealer.open(sealRef(ref, place, version), sealed);
      this.secretValues.remember(value);
      opened.set(place, value);
    }
    return opened;
  }
}

function sealRef({ tenantId, serverId }: MemberRef, place: string, version: number) {
  return { tenantId, table: 'servers', row: serverId, field: place, generation: version };
}
