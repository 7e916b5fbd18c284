import type { AuthAdapter, AuthBlock, CredentialUse } from '#auth';
import type { Clock, PrincipalId } from '#kernel';
import { MemberCredential } from './member-credential.js';
import { PerPrincipal } from './per-principal.js';
import type { Deadlines } from './wire/deadlines.js';

/** Of one member; beyond that the one that rests longest is asked for again when it is wanted. */
const MAX_PERSONAL = 1_000;
const IDLE_MS = 300_000;

interface Blocks {
  readonly auth_strategy: string;
  readonly auth: unknown;
  readonly tool_auth: Readonly<Record<string, { readonly auth_strategy: string; readonly auth: unknown }>>;
}

export interface CredentialParts {
  readonly auth: AuthAdapter;
  readonly clock: Clock;
  readonly deadlines: Pick<Deadlines, 'add'>;
}

/** A credential of a member: the one that everybody shares, and whether each principal has another in its place. */
interface Place {
  readonly block: AuthBlock;
  readonly isPersonal: boolean;
  readonly shared: MemberCredential;
}

/** Whose credential a request carries. Requests of one owner may share a session with the member, those of two never. */
export interface CredentialOwner {
  /** As `tool_auth` lists it; absent: the member's own credential. */
  readonly tool?: string;
  /** Absent: everybody's. */
  readonly principalId?: PrincipalId;
}

/** The member's own credential, which everybody shares. */
export const EVERYBODY: CredentialOwner = {};

/**
 * The credentials of a member: its own one, and those of tools that have one for themselves. Where a strategy has one for
 * every principal, each gets its own and never another's.
 */
export class MemberCredentials {
  private readonly own: Place;
  private readonly ofTools = new Map<string, Place>();
  private readonly personal: PerPrincipal<MemberCredential>;

  constructor(
    private readonly parts: CredentialParts,
    private readonly use: Pick<CredentialUse, 'member' | 'endpoint'>,
    config: Blocks,
  ) {
    this.own = this.placeOf(config);
    for (const [tool, block] of Object.entries(config.tool_auth)) this.ofTools.set(tool, this.placeOf(block, tool));
    this.personal = new PerPrincipal({
      max: MAX_PERSONAL,
      idleMs: IDLE_MS,
      deadlines: parts.deadlines,
      make: (principalId, tool) => this.credential(this.placeFor(tool).block, { principalId, tool }),
      release: (credential) => credential.forget(),
    });
  }

  /** Whether every principal has a credential of its own at this member, tools apart. */
  get isPerPrincipal(): boolean {
    return this.own.isPersonal;
  }

  /**
   * The credential for a call of `tool`, listed under this name or under the one that clients see; else the member's own.
   *
   * @param principalId who calls; absent where the composer asks of its own accord: then never the one of a principal
   */
  for(tool?: string, principalId?: PrincipalId): MemberCredential {
    const listed = this.listedAs(tool);
    const place = this.placeFor(listed);
    if (!place.isPersonal || principalId === undefined) return place.shared;
    // None of them is ever in use: there is always room.
    return this.personal.of(principalId, listed)!;
  }

  /** Whose credential `for` gives. */
  ownerOf(tool?: string, principalId?: PrincipalId): CredentialOwner {
    if (this.ofTools.size === 0 && !this.own.isPersonal) return EVERYBODY;
    const listed = this.listedAs(tool);
    const isPersonal = this.placeFor(listed).isPersonal && principalId !== undefined;
    if (listed === undefined && !isPersonal) return EVERYBODY;
    return { ...(listed === undefined ? {} : { tool: listed }), ...(isPersonal ? { principalId } : {}) };
  }

  /** What is stored has changed: of one principal, or of anybody. The next request of each asks anew. */
  forget(principalId?: PrincipalId): void {
    for (const credential of this.personal.every(principalId)) credential.forget();
    if (principalId !== undefined) return;
    this.own.shared.forget();
    for (const { shared } of this.ofTools.values()) shared.forget();
  }

  /** The member is closed: nothing is kept in memory any longer. */
  close(): void {
    this.forget();
    this.personal.clear();
  }

  /** The name under which `tool_auth` lists the tool; `undefined` if it does not. */
  private listedAs(tool: string | undefined): string | undefined {
    if (tool === undefined || this.ofTools.size === 0) return undefined;
    if (this.ofTools.has(tool)) return tool;
    const full = `${this.use.member.serverId}_${tool}`;
    return this.ofTools.has(full) ? full : undefined;
  }

  private placeFor(listed: string | undefined): Place {
    return listed === undefined ? this.own : this.ofTools.get(listed)!;
  }

  private placeOf({ auth_strategy, auth }: Omit<Blocks, 'tool_auth'>, tool?: string): Place {
    const block = { strategy: auth_strategy, settings: auth };
    const isPersonal = this.parts.auth.isPerPrincipal(block);
    return { block, isPersonal, shared: this.credential(block, { tool }) };
  }

  private credential(
    block: AuthBlock,
    { principalId, tool }: { readonly principalId?: PrincipalId | undefined; readonly tool: string | undefined },
  ): MemberCredential {
    const use = {
      ...this.use,
      ...(principalId === undefined ? {} : { principalId }),
      ...(tool === undefined ? {} : { tool }),
    };
    return new MemberCredential(this.parts.auth, use, block, this.parts.clock);
  }
}
