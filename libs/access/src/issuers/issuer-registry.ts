import type { AuditEvent } from '#audit';
import { Clock, type Fault, type JsonObject, type TenantId, faultsOf } from '#kernel';
import { SealBrokenError, Sealer } from '#persistence';
import type { Actor } from '#tenancy';
import { Injectable } from '@nestjs/common';
import { type Addresses, addressesOf } from './issuer-addresses.js';
import { IssuerJudge } from './issuer-judge.js';
import { ISSUER_ID, type IssuerInput, issuerSchema } from './issuer.schema.js';
import { type IssuerDraft, type IssuerSettings, IssuerStore, type StoredIssuer } from './issuer.store.js';
import { FixedIssuerError, InvalidIssuerError, SecondSignInError, UnknownIssuerError } from './issuers.errors.js';
import { ENVIRONMENT_ISSUER, Issuers, sealRef } from './issuers.js';

/** An issuer as it is shown: a secret's place says that there is one. */
export type IssuerView = JsonObject;

/** Which issuer is changed, and by whom. */
export interface IssuerChange {
  readonly tenant: TenantId;
  readonly id: string;
  readonly actor: Actor;
  /** Those of the actor; absent: none that counts here. */
  readonly roles?: readonly string[];
}

/**
 * The issuers of a tenant, as its administrator sees and changes them. Addresses must be ones that may be called from
 * here; a stored secret goes with the addresses that it was given for, and is never sent to others.
 */
@Injectable()
export class IssuerRegistry {
  private readonly clock = new Clock();

  constructor(
    private readonly store: IssuerStore,
    private readonly issuers: Issuers,
    private readonly sealer: Sealer,
    private readonly judge: IssuerJudge,
  ) {}

  /** The one that the operator has described in the environment first. */
  async list(tenant: TenantId): Promise<readonly IssuerView[]> {
    const fixed = await this.fixedOf(tenant);
    return [...(fixed ? [fixed] : []), ...(await this.store.list(tenant)).map(viewOf)];
  }

  /** @throws UnknownIssuerError */
  async get(tenant: TenantId, id: string): Promise<IssuerView> {
    const fixed = id === ENVIRONMENT_ISSUER ? await this.fixedOf(tenant) : undefined;
    if (fixed) return fixed;
    const stored = await this.find(tenant, id);
    if (!stored) throw new UnknownIssuerError();
    return viewOf(stored);
  }

  /**
   * Makes the issuer, or replaces all of its settings.
   * @throws InvalidIssuerError, EgressDeniedError, ForbiddenGrantError, DuplicateIssuerError, SecondSignInError, FixedIssuerError,
   * IssuerConflictError, TooManyIssuersError
   */
  async put({ tenant, id, actor, roles = [] }: IssuerChange, input: unknown): Promise<IssuerView> {
    if (id === ENVIRONMENT_ISSUER) throw new FixedIssuerError();
    const given = this.parse(id, input);
    await this.judge.judge(given, { tenant, roles });
    const before = await this.find(tenant, id);
    const disabledAt = this.disabledAt(given, before);
    if (given.sign_in && !disabledAt) await this.refuseSecondSignIn(tenant, id);

    const secret = await this.secretFor(given, before);
    const version = (before?.version ?? 0) + 1;
    const draft: IssuerDraft = {
      tenantId: tenant,
      id,
      version,
      settings: settingsOf(given),
      ...(secret === undefined ? {} : { sealedSecret: await this.seal({ tenantId: tenant, id, version }, secret) }),
      ...(disabledAt ? { disabledAt } : {}),
    };
    return viewOf(await this.store.write(draft, changeOf(draft, before, actor)));
  }

  /** From now on none of its tokens is taken. Again: nothing. @throws UnknownIssuerError, IssuerConflictError */
  async disable({ tenant, id, actor }: IssuerChange): Promise<IssuerView> {
    const before = await this.find(tenant, id);
    if (!before) throw new UnknownIssuerError();
    if (before.disabledAt) return viewOf(before);
    const { createdAt: _createdAt, sealedSecret: _sealedSecret, ...kept } = before;
    const version = before.version + 1;
    const secret = await this.issuers.secretOf(before).catch((error: unknown) => {
      // What cannot be opened any more must not stand in the way of this.
      if (error instanceof SealBrokenError) return undefined;
      throw error;
    });
    const draft: IssuerDraft = {
      ...kept,
      version,
      disabledAt: new Date(this.clock.now()),
      ...(secret === undefined ? {} : { sealedSecret: await this.seal({ tenantId: tenant, id, version }, secret) }),
    };
    return viewOf(await this.store.write(draft, changeOf(draft, before, actor)));
  }

  /** @throws UnknownIssuerError, FixedIssuerError */
  async remove({ tenant, id, actor }: IssuerChange): Promise<void> {
    if (id === ENVIRONMENT_ISSUER && (await this.fixedOf(tenant))) throw new FixedIssuerError();
    const before = await this.find(tenant, id);
    if (!before) throw new UnknownIssuerError();
    const event = { action: 'issuer.deleted', actor, target: `issuer:${id}`, before: viewOf(before) };
    if (!(await this.store.remove(tenant, id, event))) throw new UnknownIssuerError();
  }

  private async find(tenant: TenantId, id: string): Promise<StoredIssuer | undefined> {
    return ISSUER_ID.test(id) ? this.store.find(tenant, id) : undefined;
  }

  private async fixedOf(tenant: TenantId): Promise<IssuerView | undefined> {
    const fixed = (await this.issuers.list(tenant)).find(({ id }) => id === ENVIRONMENT_ISSUER);
    const hasSecret = fixed !== undefined && (await this.issuers.secretOf(fixed)) !== undefined;
    return fixed && { ...viewOf({ ...fixed, ...(hasSecret ? { sealedSecret: '' } : {}) }), source: 'environment' };
  }

  private parse(id: string, input: unknown): IssuerInput {
    const { success, data, error } = issuerSchema.safeParse(input);
    const faults: Fault[] = success ? [] : faultsOf(error.issues);
    if (!ISSUER_ID.test(id))
      faults.push({ path: 'id', message: 'must be 1 to 64 letters, digits, hyphens, underscores' });
    if (!success || faults.length > 0) throw new InvalidIssuerError(faults);
    return data;
  }

  private disabledAt({ enabled }: IssuerInput, before: StoredIssuer | undefined): Date | undefined {
    if (enabled === undefined) return before?.disabledAt;
    return enabled ? undefined : (before?.disabledAt ?? new Date(this.clock.now()));
  }

  private async refuseSecondSignIn(tenant: TenantId, id: string): Promise<void> {
    const fixed = (await this.issuers.list(tenant)).filter((issuer) => issuer.id === ENVIRONMENT_ISSUER);
    const others = [...fixed, ...(await this.store.list(tenant))].filter(
      (other) => other.id !== id && other.settings.sign_in && !other.disabledAt,
    );
    if (others[0]) throw new SecondSignInError(others[0].id);
  }

  /** A marker keeps what is stored, as long as nobody else would get it. */
  private async secretFor(
    { client_secret, ...given }: IssuerInput,
    before?: StoredIssuer,
  ): Promise<string | undefined> {
    if (client_secret === undefined || typeof client_secret === 'string') return client_secret;
    if (!before || before.sealedSecret === undefined) {
      throw new InvalidIssuerError([{ path: 'client_secret', message: 'is not stored, so there is nothing to keep' }]);
    }
    if (originsOf(given) !== originsOf(before.settings) || given.client_id !== before.settings.client_id) {
      const message = 'must be sent again: the client or the origin of an address has changed';
      throw new InvalidIssuerError([{ path: 'client_secret', message }]);
    }
    return this.issuers.secretOf(before);
  }

  private seal(row: Pick<StoredIssuer, 'tenantId' | 'id' | 'version'>, secret: string): Promise<string> {
    return this.sealer.seal(sealRef(row), secret);
  }
}

/** Where the secret may go: an address that is not given is found at the issuer. */
function originsOf(settings: Addresses): string {
  const places = addressesOf(settings).filter(([path]) => path !== 'jwks_url');
  return JSON.stringify(
    places.map(([path, address]) => [path, address === undefined ? null : new URL(address).origin]),
  );
}

function settingsOf({ client_secret: _secret, enabled: _enabled, ...given }: IssuerInput): IssuerSettings {
  // Through JSON, as the store keeps it: keys that are undefined are absent.
  return JSON.parse(JSON.stringify(given)) as IssuerSettings;
}

function viewOf({ id, settings, sealedSecret, disabledAt, version }: Omit<StoredIssuer, 'createdAt'>): IssuerView {
  return {
    id,
    ...(settings as unknown as JsonObject),
    ...(sealedSecret === undefined ? {} : { client_secret: { set: true } }),
    enabled: disabledAt === undefined,
    ...(disabledAt ? { disabled_at: disabledAt.toISOString() } : {}),
    version,
  };
}

function changeOf(draft: IssuerDraft, before: StoredIssuer | undefined, actor: Actor): AuditEvent {
  return {
    action: before ? 'issuer.updated' : 'issuer.created',
    actor,
    target: `issuer:${draft.id}`,
    ...(before ? { before: viewOf(before) } : {}),
    after: viewOf(draft),
  };
}
