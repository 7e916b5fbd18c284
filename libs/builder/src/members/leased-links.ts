import type { PrincipalId } from '#kernel';
import type { MessageStreamLink } from '../mcp/message-stream.js';
import type { CredentialOwner } from '../member-credentials.js';

/** Whom a link is for. */
export interface Lessee {
  readonly owner: CredentialOwner;
  /** What the client has declared. */
  readonly profile: string;
  /** Who calls: nobody else ever gets the link. */
  readonly principalId: PrincipalId;
}

export interface Lease<L> {
  readonly link: L;
  /** Gives it back. One that is not clean, because the member may still say something of the call, is ended. */
  readonly release: (isClean: boolean) => void;
}

interface LeasedLinksOptions<L> {
  /** Links at most, leased or not; of those that are not, the one that has rested longest makes room. */
  readonly max: number;
  /** Milliseconds without use after which one ends. */
  readonly idleMs: number;
  readonly deadlines: { add(ms: number, expire: () => void): () => void };
  readonly open: (owner: CredentialOwner, profile: string) => L;
  /** Where it is told how those are ended that are not leased, the one that has rested longest first. */
  readonly spare?: Set<() => Promise<void>>;
  /** Somebody hears what the member tells on it: it goes on, leased or not. Nobody does unless given. */
  readonly isHeard?: (link: L) => boolean;
}

interface Kept<L> {
  readonly link: L;
  readonly key: string;
  readonly owner: CredentialOwner;
  readonly drop: () => Promise<void>;
  restsSince: number;
}

interface Leasable extends Pick<MessageStreamLink, 'hold' | 'restart'> {
  end(): void | Promise<void>;
}

/**
 * Links that one call has for itself for its time, where requests of the member do not say to which call they belong.
 * Kept for the next call of the same principal with the same profile.
 */
export class LeasedLinks<L extends Leasable> {
  private readonly leased = new Set<Kept<L>>();
  /** The one that has rested longest stands first. */
  private readonly resting = new Set<Kept<L>>();
  private readonly ending = new Set<Promise<void>>();
  private stopSweeping: (() => void) | undefined;
  private isEnded = false;

  constructor(private readonly options: LeasedLinksOptions<L>) {}

  /** Undefined: as many are leased as there may be. */
  take(lessee: Lessee): Lease<L> | undefined {
    const one = this.restingFor(keyOf(lessee)) ?? this.opened(lessee);
    if (!one) return undefined;
    this.wake(one);
    this.leased.add(one);
    return { link: one.link, release: (isClean) => this.takeBack(one, isClean) };
  }

  /** The link on which a call would go, to be heard and not leased. Undefined: none rests, and there is no room for another. */
  find(lessee: Lessee): L | undefined {
    const key = keyOf(lessee);
    const known = this.restingFor(key) ?? [...this.leased].find((one) => one.key === key);
    const hasRoom = this.leased.size + this.resting.size < this.options.max;
    const one = known ?? (hasRoom ? this.opened(lessee) : undefined);
    if (one && !this.leased.has(one)) {
      this.wake(one);
      this.rest(one, true);
    }
    return one?.link;
  }

  /** Those with a credential of one principal, or all of them. */
  every(principal?: PrincipalId): readonly L[] {
    return [...this.leased, ...this.resting]
      .filter(({ owner }) => principal === undefined || owner.principalId === principal)
      .map(({ link }) => link);
  }

  /** Ends all of them, leased or not. Resolves when they are over. */
  async end(): Promise<void> {
    this.isEnded = true;
    this.stopSweeping?.();
    for (const one of [...this.leased, ...this.resting]) void this.drop(one);
    await Promise.all(this.ending);
  }

  private opened({ owner, profile, ...rest }: Lessee): Kept<L> | undefined {
    const { max, open } = this.options;
    if (this.isEnded) return undefined;
    if (this.leased.size + this.resting.size >= max) {
      const oldest = [...this.resting].find(({ link }) => !this.isHeard(link));
      if (!oldest) return undefined;
      void this.drop(oldest);
    }
    const key = keyOf({ owner, profile, ...rest });
    const one: Kept<L> = { link: open(owner, profile), key, owner, drop: () => this.drop(one), restsSince: 0 };
    return one;
  }

  private restingFor(key: string): Kept<L> | undefined {
    const own = [...this.resting].reverse().filter((one) => one.key === key);
    return own.find(({ link }) => this.isHeard(link)) ?? own[0];
  }

  private takeBack(one: Kept<L>, isClean: boolean): void {
    if (!this.leased.delete(one)) return;
    one.link.hold(undefined);
    const isHeard = this.isHeard(one.link);
    if (!isClean && !isHeard) return void this.drop(one);
    if (!isClean) one.link.restart();
    this.rest(one, isHeard);
  }

  private rest(one: Kept<L>, isHeard: boolean): void {
    one.restsSince = performance.now();
    this.resting.add(one);
    if (!isHeard) this.options.spare?.add(one.drop);
    this.sweepLater();
  }

  private isHeard(link: L): boolean {
    return this.options.isHeard?.(link) ?? false;
  }

  private wake(one: Kept<L>): void {
    this.resting.delete(one);
    this.options.spare?.delete(one.drop);
  }

  private async drop(one: Kept<L>): Promise<void> {
    this.wake(one);
    this.leased.delete(one);
    const ended = Promise.resolve(one.link.end()).finally(() => this.ending.delete(ended));
    this.ending.add(ended);
    return ended;
  }

  private sweepLater(): void {
    const { deadlines, idleMs } = this.options;
    this.stopSweeping ??= deadlines.add(idleMs, () => {
      this.stopSweeping = undefined;
      const since = performance.now() - idleMs;
      for (const one of [...this.resting]) {
        if (one.restsSince <= since && !this.isHeard(one.link)) void this.drop(one);
      }
      if (this.resting.size > 0) this.sweepLater();
    });
  }
}

const keyOf = ({ owner, profile, principalId }: Lessee): string =>
  JSON.stringify([owner.principalId ?? null, owner.tool ?? null, profile, principalId]);
