import { AuthAdapter } from '#auth';
import { type MemberRef, type TenantId, isObject, serverId } from '#kernel';
import { Log } from '#observability';
import { Injectable } from '@nestjs/common';
import { judgedAddresses, mustBePlain } from './judged-input.js';
import type { Candidate, MemberGate } from './member-gate.js';
import { TooManyServersError } from './registry.errors.js';
import { SealedConfig } from './sealed-config.js';
import { SERVERS_PER_TENANT } from './server-config-limits.js';
import { SERVER_ID } from './server-config.schema.js';
import { type SecretsByPlace, dotted } from './server-config-secrets.js';
import { ServerConfigStore, type StoredServer } from './server-config.store.js';
import { ServerOpener, mustFit } from './server-opener.js';
import { refuseUnlisted } from './stdio/stdio-command.js';
import { carriedSecrets, refuseForeignGaps } from './void-secrets.js';

/** A configuration that could be stored as it is. */
export interface Considered {
  readonly candidate: Candidate;
  /** There is a server of this id, whose place it would take. */
  readonly isKnown: boolean;
  /** What was read differently from how it was written. */
  readonly warnings: readonly string[];
  /** Settings whose secret would have to be entered again, as paths. */
  readonly needsReentry: readonly string[];
}

export interface ConsiderOptions {
  readonly tenantId: TenantId;
  /** The caller is an operator and may name files on the composer's host. */
  readonly mayReadFiles: boolean;
  /** As of the gate: the layer that builds members says which addresses may be called. */
  readonly judge: MemberGate['judge'];
}

/** Looks at what somebody might register, or put in the place of what is there. Stores nothing and calls nobody. */
@Injectable()
export class ServerCandidates {
  private readonly opener: ServerOpener;

  constructor(
    private readonly store: ServerConfigStore,
    private readonly sealed: SealedConfig,
    private readonly auth: AuthAdapter,
    log: Log,
  ) {
    this.opener = new ServerOpener(sealed, auth, log);
  }

  /**
   * Hands over the configuration as it would be registered, or as it would replace the one of its id; its secrets are
   * masked meanwhile. Throws as `ServerRegistry.register` and `update` do, but for an id that is taken.
   */
  async consider<T>(
    input: unknown,
    { tenantId, mayReadFiles, judge }: ConsiderOptions,
    use: (considered: Considered) => Promise<T>,
  ): Promise<T> {
    mustBePlain(input);
    await judge(judgedAddresses(input));
    const before = await this.storedFor(tenantId, input);
    const secrets = before ? await this.sealed.openPresent(before) : NO_SECRETS;
    const checked = this.opener.check(input, secrets, { mayReadFiles });
    const config = await refuseUnlisted(mustFit(checked));
    refuseForeignGaps(this.auth, input, before?.config);
    const ref: MemberRef = { tenantId, serverId: serverId(config.id) };
    if (!before && (await this.store.ids(tenantId)).size >= SERVERS_PER_TENANT) {
      throw new TooManyServersError(SERVERS_PER_TENANT);
    }
    const old = before && this.opener.check(before.config, secrets, { mayReadFiles: true }).config;
    const carried = before ? carriedSecrets(this.auth, { before: old, config }, checked.kept) : [];
    return this.sealed.trying(config, () =>
      use({
        candidate: { ref, config, version: (before?.version ?? 0) + 1 },
        isKnown: before !== undefined,
        warnings: checked.warnings,
        needsReentry: [...checked.lacking, ...carried].map(dotted),
      }),
    );
  }

  private async storedFor(tenantId: TenantId, input: unknown): Promise<StoredServer | undefined> {
    const id = isObject(input) ? input['id'] : undefined;
    if (typeof id !== 'string' || !SERVER_ID.test(id)) return undefined;
    return this.store.find({ tenantId, serverId: serverId(id) });
  }
}

const NO_SECRETS: SecretsByPlace = new Map();
