import type { PrincipalId } from '#kernel';
import { type CredentialOwner, EVERYBODY } from '../member-credentials.js';
import { PerPrincipal } from '../per-principal.js';

/** Whose calls go on a link. */
export interface LinkUse {
  /** What the callers have declared. */
  readonly profile: string;
  /** Of this principal alone. */
  readonly caller?: PrincipalId;
}

interface MemberLinksOptions<L> {
  /** Links beside those that everybody shares, at most. */
  readonly max: number;
  /** Milliseconds without use after which one of them ends. */
  readonly idleMs: number;
  readonly deadlines: { add(ms: number, expire: () => void): () => void };
  /** @param use absent: the composer's own questions go on it */
  readonly open: (owner: CredentialOwner, use: LinkUse | undefined) => L;
  /** One that is in use makes no room and does not end. Nothing is in use unless given. */
  readonly isInUse?: (link: L) => boolean;
}

/**
 * The links of a member: one for each owner of a credential, because a session is as whom it was opened, and of these one
 * for the composer's own questions, and one for each profile of clients, because a session is opened with what may be asked
 * in it.
 */
export class MemberLinks<L extends { end(): void | Promise<void> }> {
  /** For the composer's own questions, as nobody in particular. */
  readonly own: L;
  /** For calls of clients that have declared nothing. */
  private readonly quiet: L;
  private readonly others: PerPrincipal<L, LinkUse & { readonly key: string }>;

  constructor(options: MemberLinksOptions<L>) {
    const { max, idleMs, deadlines, isInUse } = options;
    this.own = options.open(EVERYBODY, undefined);
    this.quiet = options.open(EVERYBODY, { profile: '' });
    this.others = new PerPrincipal({
      max,
      idleMs,
      deadlines,
      make: (principalId, tool, use) =>
        options.open(
          {
            ...(principalId === undefined ? {} : { principalId }),
            ...(tool === undefined ? {} : { tool }),
          },
          use,
        ),
      release: (link) => void link.end(),
      ...(isInUse ? { isInUse } : {}),
    });
  }

  /**
   * Undefined: all there is room for are in use.
   *
   * @param use absent: the composer's own questions are to go on it
   */
  for(owner: CredentialOwner, use?: LinkUse): L | undefined {
    if (owner === EVERYBODY && !use?.profile) return use === undefined ? this.own : this.quiet;
    const apart = use && { ...use, key: JSON.stringify([use.profile, use.caller]) };
    return this.others.of(owner.principalId, owner.tool, apart);
  }

  /** Those of one principal, or all of them. */
  every(principal?: PrincipalId): readonly L[] {
    return principal === undefined ? [this.own, this.quiet, ...this.others.every()] : this.others.every(principal);
  }

  async end(): Promise<void> {
    await Promise.all(this.every().map(async (link) => link.end()));
    this.others.clear();
  }
}
