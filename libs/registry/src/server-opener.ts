import { AuthAdapter } from '#auth';
import { ComposerError, type MemberRef } from '#kernel';
import { Log } from '#observability';
import { InvalidServerConfigError } from './registry.errors.js';
import { SealedConfig } from './sealed-config.js';
import { type CheckOptions, type CheckedConfig, checkServerConfig } from './server-config-check.js';
import type { ServerConfig } from './server-config.schema.js';
import { type SecretsByPlace, restoreSecrets } from './server-config-secrets.js';
import { type StoredServer, markOf } from './server-config.store.js';

/** A stored server with its secrets, for building the member. Never for showing. */
export type OpenedServer = {
  readonly ref: MemberRef;
  /** Of the state that was opened. */
  readonly mark: string;
} & (
  { readonly config: ServerConfig; readonly problem?: never } | { readonly config?: never; readonly problem: string }
);

/** Makes a configuration that can be served out of one that is stored, or was sent, with the secrets that are kept for it. */
export class ServerOpener {
  constructor(
    private readonly sealed: SealedConfig,
    private readonly auth: AuthAdapter,
    private readonly log: Log,
  ) {}

  /** Puts stored secrets in the place of markers and checks the whole. */
  check(
    input: unknown,
    stored: SecretsByPlace,
    options: CheckOptions,
  ): CheckedConfig & { readonly kept: readonly string[] } {
    const { config, kept, faults } = restoreSecrets(input, this.auth, stored);
    const { config: fitting, ...checked } = checkServerConfig(config, this.auth, options);
    if (fitting && faults.length === 0) return { ...checked, config: fitting, kept };
    // A marker that stays fits no schema either: one fault for each is enough.
    const unkept = new Set(faults.map(({ path }) => path));
    return { ...checked, kept, faults: [...checked.faults.filter(({ path }) => !unkept.has(path)), ...faults] };
  }

  async present(stored: StoredServer): Promise<ServerConfig> {
    return mustFit(this.check(stored.config, await this.sealed.openPresent(stored), { mayReadFiles: true }));
  }

  /** One that cannot be opened says why. Throws only what may be over in a moment. */
  async open(stored: StoredServer): Promise<OpenedServer> {
    const { ref } = stored;
    try {
      return { ref, mark: markOf(stored), config: await this.present(stored) };
    } catch (error) {
      if (error instanceof ComposerError && error.retryable) throw error;
      this.log.error('a stored server cannot be opened', { tenant: ref.tenantId, server: ref.serverId, err: error });
      return { ref, mark: markOf(stored), problem: (error as Error).message };
    }
  }
}

export function mustFit({ config, faults }: CheckedConfig): ServerConfig {
  if (!config || faults.length > 0) throw new InvalidServerConfigError(faults);
  return config;
}
