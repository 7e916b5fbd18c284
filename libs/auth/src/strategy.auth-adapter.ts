import { type MemberRef, type ServerId, type TenantId, faultsOf, isObject } from '#kernel';
import type { Actor } from '#tenancy';
import { type CredentialStanding, type StandingsWish, TokenKeeper, type Which } from '#token-store';
import { Inject, Injectable } from '@nestjs/common';
import {
  AuthAdapter,
  type AuthBlock,
  type CheckedBlock,
  type PresentUse,
  type StrategyDescription,
  type WithdrawOptions,
} from './auth-adapter.js';
import type { AuthStrategy, RefusedPatch, RequestPatch } from './auth-strategy.js';
import { UnknownStrategyError, unknownStrategy } from './auth.errors.js';
import type { AnswerSign, CredentialUse } from './credential-use.js';
import { TokenRevocation, type WithdrawnCredential } from './token-revocation.js';

export const AUTH_STRATEGIES = Symbol('AUTH_STRATEGIES');
export type StrategyIndex = ReadonlyMap<string, AuthStrategy>;

/** Indexes strategies by name and alias, in lower case. Throws if two share a spelling. */
export function indexByName(strategies: readonly AuthStrategy[]): StrategyIndex {
  const index = new Map<string, AuthStrategy>();
  for (const strategy of strategies) {
    for (const name of [strategy.name, ...(strategy.aliases ?? [])].map(spelling)) {
      if (index.has(name)) throw new Error(`two auth strategies share the name "${name}"`);
      index.set(name, strategy);
    }
  }
  return index;
}

/** Finds the strategy by name and hands the work to it; adds nothing of its own. */
@Injectable()
export class StrategyAuthAdapter extends AuthAdapter {
  constructor(
    @Inject(AUTH_STRATEGIES) private readonly strategies: StrategyIndex,
    private readonly keeper: TokenKeeper,
    private readonly revocation: TokenRevocation,
  ) {
    super();
  }

  override describe(): readonly StrategyDescription[] {
    return [...new Set(this.strategies.values())].map(({ name, aliases = [], settings, secrets }) => ({
      name,
      aliases,
      settings,
      secrets,
    }));
  }

  override check(block: AuthBlock): CheckedBlock {
    const strategy = this.strategies.get(spelling(block.strategy));
    if (!strategy) {
      return { block, faults: [{ path: 'auth_strategy', message: unknownStrategy(block.strategy, this.names()) }] };
    }
    const parsed = strategy.settings.safeParse(snakeKeys(block.settings));
    if (parsed.success) return { block: { strategy: strategy.name, settings: parsed.data }, faults: [] };
    return { block, faults: faultsOf(parsed.error.issues, ['auth']) };
  }

  override secretsOf(strategy: string): readonly string[] {
    return this.strategies.get(spelling(strategy))?.secrets ?? [];
  }

  override isPerPrincipal({ strategy, settings }: AuthBlock): boolean {
    return this.find(strategy).isPerPrincipal?.(settings) ?? false;
  }

  override isRenewed({ strategy }: AuthBlock): boolean {
    return this.find(strategy).renew !== undefined;
  }

  override async authorize(use: CredentialUse, block: AuthBlock): Promise<RequestPatch> {
    return this.find(block.strategy).authorize(use, block.settings);
  }

  override refuses({ strategy, settings }: AuthBlock, answer: AnswerSign): boolean {
    return this.find(strategy).refuses?.(answer, settings) ?? answer.status === 401;
  }

  override noteAccepted(use: CredentialUse, { strategy, settings }: AuthBlock, patch: RequestPatch): void {
    this.find(strategy).noteAccepted?.(use, settings, patch);
  }

  override async renew(use: CredentialUse, block: AuthBlock, refused: RefusedPatch): Promise<RequestPatch | undefined> {
    return this.find(block.strategy).renew?.(use, block.settings, refused);
  }

  override async standings(wish: StandingsWish): Promise<readonly CredentialStanding[]> {
    return this.keeper.standings(wish);
  }

  override async withdraw(which: Which, by: Actor): Promise<readonly WithdrawnCredential[]> {
    return this.keeper.withdraw(which, by, (taken) => this.revocation.revokeAll(taken));
  }

  override async withdrawFormer(
    member: MemberRef,
    present: readonly PresentUse[],
    { by, restingMs }: WithdrawOptions,
  ): Promise<readonly WithdrawnCredential[]> {
    const all = present.map(async ({ use, block: { strategy, settings } }) => {
      return (await this.find(strategy).fingerprints?.(use, settings)) ?? [];
    });
    const but = (await Promise.all(all)).flat();
    const { tenantId, serverId } = member;
    return this.withdraw({ tenantId, serverId, but, ...(restingMs === undefined ? {} : { restingMs }) }, by);
  }

  override async restingServers(tenant: TenantId, forMs: number): Promise<readonly ServerId[]> {
    return this.keeper.resting(tenant, forMs);
  }

  private find(name: string): AuthStrategy {
    const strategy = this.strategies.get(spelling(name));
    if (!strategy) throw new UnknownStrategyError(name, this.names());
    return strategy;
  }

  private names(): readonly string[] {
    return this.describe().map(({ name }) => name);
  }
}

const spelling = (name: string): string => name.toLowerCase();

/** Reads `clientId` as `client_id`: configuration files of the original spell keys both ways. */
function snakeKeys(settings: unknown): unknown {
  if (!isObject(settings)) return settings;
  const snake = (key: string) => key.replace(/(?<=[a-z0-9])[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return Object.fromEntries(Object.entries(settings).map(([key, value]) => [snake(key), value]));
}
