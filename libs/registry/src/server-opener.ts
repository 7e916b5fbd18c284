import { AuthAdapter } from '#auth';
import { ComposerError, type MemberRef } from '#kernel';
import { Log } from '#observability';
import { InvalidServerConfigError } from './registry.errors.js';
import { SealedConfig } from './sealed-config.js';
import { type CheckOptions, type CheckedConfig, checkServerConfig } from './server-config-check.js';
import type { ServerConfig } from './server-config.schema.js';
import { type SecretsByPlace, restoreSecrets, voidPlaces, withPlaces } from './server-config-secrets.js';
import { type StoredServer, markOf } from './server-config.store.js';
import { type WithGaps, reentryText } from './void-secrets.js';

/** A stored server with its secrets, for building the member. Never for showing. */
export type OpenedServer = {
  readonly ref: MemberRef;
  /** Of the state that was opened. */
  readonly mark: string;
} & (
  | { readonly config: ServerConfig; readonly problem?: never; readonly isLacking?: never; readonly status?: never }
  | {
      readonly config?: never;
      readonly problem: string;
      /** Some of its secrets are void: it is not called until they are entered again. */
      readonly isLacking?: true;
      readonly status?: ServerConfig['status'];
    }
);

/** Fits every setting that is a text, and is never sent: what holds it is not served. */
const STAND_IN = 'needs-reentry';

export interface CheckedSecrets extends CheckedConfig {
  /** Places whose secret was kept. */
  readonly kept: readonly string[];
  /** Places whose secret is void, and was not entered again. */
  readonly lacking: readonly string[];
}

/** Makes a configuration that can be served out of one that is stored, or was sent, with the secrets that are kept for it. */
export class ServerOpener {
  constructor(
    private readonly sealed: SealedConfig,
    private readonly auth: AuthAdapter,
    private readonly log: Log,
  ) {}

  /** Puts stored secrets in the place of markers and checks the whole. */
  check(input: unknown, stored: SecretsByPlace, options: CheckOptions): CheckedSecrets {
    const lacking = voidPlaces(input, this.auth);
    const { config, kept, faults } = restoreSecrets(withPlaces(input, lacking, STAND_IN), this.auth, stored);
    const { config: fitting, ...checked } = checkServerConfig(config, this.auth, options);
    if (fitting && faults.length === 0) return { ...checked, config: fitting, kept, lacking };
    // A marker that stays fits no schema either: one fault for each is enough.
    const unkept = new Set(faults.map(({ path }) => path));
    const others = checked.faults.filter(({ path }) => !unkept.has(path));
    return { ...checked, kept, lacking, faults: [...others, ...faults] };
  }

  /** The stored configuration; what it lacks holds a stand-in, so that it must not be served while anything does. */
  async present(stored: StoredServer): Promise<WithGaps> {
    const checked = this.check(stored.config, await this.sealed.openPresent(stored), { mayReadFiles: true });
    return { config: mustFit(checked), lacking: checked.lacking };
  }

  /** One that cannot be opened says why. Throws only what may be over in a moment. */
  async open(stored: StoredServer): Promise<OpenedServer> {
    const { ref } = stored;
    try {
      const { config, lacking } = await this.present(stored);
      if (lacking.length === 0) return { ref, mark: markOf(stored), config };
      return { ref, mark: markOf(stored), problem: reentryText(lacking), isLacking: true, status: config.status };
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
