import type { PrincipalId } from '#kernel';
import { PerPrincipal } from '../per-principal.js';

interface MemberLinksOptions<L> {
  /** Links of principals, at most. */
  readonly max: number;
  /** Milliseconds without use after which one of them ends. */
  readonly idleMs: number;
  readonly deadlines: { add(ms: number, expire: () => void): () => void };
  /** Whether each principal has one of its own. */
  readonly isPerPrincipal: () => boolean;
  readonly open: (principal?: PrincipalId) => L;
  /** One that is in use makes no room and does not end. Nothing is in use unless given. */
  readonly isInUse?: (link: L) => boolean;
}

/** The links of a member: one that all callers share, or one for each principal that has a credential of its own. */
export class MemberLinks<L extends { end(): void | Promise<void> }> {
  readonly shared: L;
  private readonly own: PerPrincipal<L>;

  constructor(private readonly options: MemberLinksOptions<L>) {
    const { max, idleMs, deadlines, isInUse } = options;
    this.shared = options.open();
    this.own = new PerPrincipal({
      max,
      idleMs,
      deadlines,
      make: (principal) => options.open(principal),
      release: (link) => void link.end(),
      ...(isInUse ? { isInUse } : {}),
    });
  }

  /** @param principal absent: the composer itself. Undefined: all there is room for are in use. */
  for(principal: PrincipalId | undefined): L | undefined {
    return principal === undefined || !this.options.isPerPrincipal() ? this.shared : this.own.of(principal);
  }

  async end(): Promise<void> {
    await Promise.all([this.shared, ...this.own.every()].map(async (link) => link.end()));
    this.own.clear();
  }
}
