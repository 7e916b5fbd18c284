import type { PrincipalId } from '#kernel';
import { type CredentialOwner, EVERYBODY } from '../member-credentials.js';
import { PerPrincipal } from '../per-principal.js';

interface MemberLinksOptions<L> {
  /** Links beside the one that everybody shares, at most. */
  readonly max: number;
  /** Milliseconds without use after which one of them ends. */
  readonly idleMs: number;
  readonly deadlines: { add(ms: number, expire: () => void): () => void };
  readonly open: (owner: CredentialOwner) => L;
  /** One that is in use makes no room and does not end. Nothing is in use unless given. */
  readonly isInUse?: (link: L) => boolean;
}

/** The links of a member: one for each owner of a credential, because a session is as whom it was opened. */
export class MemberLinks<L extends { end(): void | Promise<void> }> {
  readonly shared: L;
  private readonly own: PerPrincipal<L>;

  constructor(options: MemberLinksOptions<L>) {
    const { max, idleMs, deadlines, isInUse } = options;
    this.shared = options.open(EVERYBODY);
    this.own = new PerPrincipal({
      max,
      idleMs,
      deadlines,
      make: (principalId, tool) =>
        options.open({
          ...(principalId === undefined ? {} : { principalId }),
          ...(tool === undefined ? {} : { tool }),
        }),
      release: (link) => void link.end(),
      ...(isInUse ? { isInUse } : {}),
    });
  }

  /** Undefined: all there is room for are in use. */
  for(owner: CredentialOwner): L | undefined {
    return owner === EVERYBODY ? this.shared : this.own.of(owner.principalId, owner.tool);
  }

  /** Those of one principal, or all of them. */
  every(principal?: PrincipalId): readonly L[] {
    return principal === undefined ? [this.shared, ...this.own.every()] : this.own.every(principal);
  }

  async end(): Promise<void> {
    await Promise.all(this.every().map(async (link) => link.end()));
    this.own.clear();
  }
}
