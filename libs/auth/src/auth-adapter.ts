import type { Fault, MemberRef, ServerId, TenantId } from '#kernel';
import type { Actor } from '#tenancy';
import type { CredentialStanding, StandingsWish, Which } from '#token-store';
import type { z } from 'zod';
import type { RefusedPatch, RequestPatch } from './auth-strategy.js';
import type { AnswerSign, CredentialUse } from './credential-use.js';
import type { WithdrawnCredential } from './token-revocation.js';

/** The `auth_strategy` and `auth` of a configuration, or of one tool in it. */
export interface AuthBlock {
  readonly strategy: string;
  readonly settings: unknown;
}

export interface CheckedBlock {
  /** With the strategy's own name and its settings as the schema reads them. Unchanged if there are faults. */
  readonly block: AuthBlock;
  /** Paths are relative: `auth_strategy`, `auth.token`. */
  readonly faults: readonly Fault[];
}

/** What documents and the API say about a strategy. */
export interface StrategyDescription {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly settings: z.ZodType;
  readonly secrets: readonly string[];
}

/** A credential that a member has now. */
export interface PresentUse {
  readonly use: CredentialUse;
  readonly block: AuthBlock;
}

export interface WithdrawOptions {
  readonly by: Actor;
  /** Only what has not changed within this time, in milliseconds. */
  readonly restingMs?: number;
}

/** The only door to member credentials. Inject this; never a strategy. */
export abstract class AuthAdapter {
  /** Every strategy on offer, by name. */
  abstract describe(): readonly StrategyDescription[];
  /** Checks a block against the strategy that it names; an unknown strategy is a fault that lists the known ones. */
  abstract check(block: AuthBlock): CheckedBlock;
  /** Names of the secret settings of a strategy; empty for an unknown one. */
  abstract secretsOf(strategy: string): readonly string[];
  /** Whether every principal has a credential of its own. */
  abstract isPerPrincipal(block: AuthBlock): boolean;
  /** Whether the credential can end, so that it is kept and renewed. */
  abstract isRenewed(block: AuthBlock): boolean;
  abstract authorize(use: CredentialUse, block: AuthBlock): Promise<RequestPatch>;
  /** Whether an answer says that the credential was not taken. */
  abstract refuses(block: AuthBlock, answer: AnswerSign): boolean;
  /** The member has taken this patch; told once for each. */
  abstract noteAccepted(use: CredentialUse, block: AuthBlock, patch: RequestPatch): void;
  /** A patch worth one more try after a refusal, or `undefined` if this strategy has nothing fresher. */
  abstract renew(use: CredentialUse, block: AuthBlock, refused: RefusedPatch): Promise<RequestPatch | undefined>;
  /** How the stored credentials of a member stand at their issuers; no secret. */
  abstract standings(wish: StandingsWish): Promise<readonly CredentialStanding[]>;
  /**
   * Takes what issuers have given, as far as it fits, out of use for good, and has it revoked where that can be done; works
   * when the member is gone already. The credentials are out of use whatever the report says.
   */
  abstract withdraw(which: Which, by: Actor): Promise<readonly WithdrawnCredential[]>;
  /**
   * The same with everything of a member that was given for none of these uses: for settings that were changed, another
   * origin, a tool that has no credential of its own any more.
   */
  abstract withdrawFormer(
    member: MemberRef,
    present: readonly PresentUse[],
    options: WithdrawOptions,
  ): Promise<readonly WithdrawnCredential[]>;
  /** The servers that credentials are stored for which have not changed for so long, in milliseconds. */
  abstract restingServers(tenant: TenantId, forMs: number): Promise<readonly ServerId[]>;
}
