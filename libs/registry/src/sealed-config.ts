import { AuthAdapter } from '#auth';
import type { MemberRef } from '#kernel';
import { SecretValues } from '#observability';
import { Sealer } from '#persistence';
import { Injectable } from '@nestjs/common';
import { HeldSecrets } from './held-secrets.js';
import type { Candidate } from './member-gate.js';
import type { ServerConfig } from './server-config.schema.js';
import { type SecretsByPlace, VOID_MARKER, splitSecrets, withPlaces } from './server-config-secrets.js';
import type { ServerDraft, StoredServer, StoredVersion } from './server-config.store.js';

/**
 * Between a configuration in use and one at rest: seals secrets on the way in, opens them on the way out, and has them
 * masked in between.
 */
@Injectable()
export class SealedConfig {
  private readonly held: HeldSecrets;

  constructor(
    private readonly sealer: Sealer,
    private readonly auth: AuthAdapter,
    secretValues: SecretValues,
  ) {
    this.held = new HeldSecrets(secretValues);
  }

  /** @param lacking places whose secret is void: nothing of it is kept */
  async seal({ ref, config, version }: Candidate, lacking: readonly string[] = []): Promise<ServerDraft> {
    const { shown, secrets } = splitSecrets(config, this.auth);
    const sealed: Record<string, string> = {};
    for (const [place, value] of secrets) {
      if (!lacking.includes(place)) sealed[place] = await this.sealer.seal(sealRef(ref, place, version), value);
    }
    const marked = withPlaces(shown, lacking, VOID_MARKER) as StoredServer['config'];
    return { ref, config: marked, secrets: sealed, version };
  }

  /** Opens the secrets of a stored version. Throws if one of them was tampered with. */
  async open({ ref, secrets, version }: StoredVersion): Promise<SecretsByPlace> {
    const opened = new Map<string, string>();
    for (const [place, sealed] of Object.entries(secrets)) {
      opened.set(place, await this.sealer.open(sealRef(ref, place, version), sealed));
    }
    return opened;
  }

  /** Opens the secrets of the present version, which are masked from now on. Throws as `open`. */
  async openPresent(stored: StoredServer): Promise<SecretsByPlace> {
    const opened = await this.open(stored);
    this.held.keep(stored.ref, stored.version, [...opened.values()]);
    return opened;
  }

  /** Masks the secrets of a configuration while it is tried and stored, in the error of `work` too. */
  async trying<T>(config: ServerConfig, work: () => Promise<T>): Promise<T> {
    return this.held.during(this.valuesOf(config), work);
  }

  /** This configuration is the stored one: its secrets are masked from now on, those of the one before no more. */
  keep(ref: MemberRef, config: ServerConfig, version: number): void {
    this.held.keep(ref, version, this.valuesOf(config));
  }

  /** The server was deleted. */
  forget(ref: MemberRef): void {
    this.held.drop(ref);
  }

  mask(text: string): string {
    return this.held.mask(text);
  }

  private valuesOf(config: ServerConfig): readonly string[] {
    return [...splitSecrets(config, this.auth).secrets.values()];
  }
}

function sealRef({ tenantId, serverId }: MemberRef, place: string, version: number) {
  return { tenantId, table: 'servers', row: serverId, field: place, generation: version };
}
