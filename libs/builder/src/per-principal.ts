import type { PrincipalId } from '#kernel';

/** What sets one apart from another of the same principal and tool. */
interface Apart {
  readonly key: string;
}

export interface PerPrincipalOptions<T, A extends Apart = Apart> {
  /** At most so many; the one that was not used for the longest time makes room. */
  readonly max: number;
  /** Milliseconds without use after which one goes. */
  readonly idleMs: number;
  readonly deadlines: { add(ms: number, expire: () => void): () => void };
  make(principal: PrincipalId | undefined, tool: string | undefined, apart: A | undefined): T;
  /** One that is in use makes no room and does not go. Nothing is in use unless given. */
  isInUse?(one: T): boolean;
  /** Told of each one that goes. */
  release?(one: T): void;
}

interface Kept<T> {
  readonly one: T;
  readonly principal: PrincipalId | undefined;
  usedAt: number;
}

/**
 * What every principal, or every tool, has for itself at a member, or has several of: made when first asked for, bounded,
 * gone when it rests.
 */
export class PerPrincipal<T, A extends Apart = Apart> {
  /** The one used last stands last. */
  private readonly kept = new Map<string, Kept<T>>();
  private stopSweeping: (() => void) | undefined;

  constructor(private readonly options: PerPrincipalOptions<T, A>) {}

  get size(): number {
    return this.kept.size;
  }

  /**
   * The principal's own, for all tools or for one; the one of a tool for everybody; either once for each
   * key. `undefined`: all there is room for are in use.
   */
  of(principal: PrincipalId | undefined, tool?: string, apart?: A): T | undefined {
    const who = tool === undefined ? `all ${principal}` : `one ${JSON.stringify([principal, tool])}`;
    const key = apart === undefined ? who : `${JSON.stringify(apart.key)} ${who}`;
    const known = this.kept.get(key);
    if (known) {
      this.kept.delete(key);
      this.kept.set(key, known);
      known.usedAt = performance.now();
      return known.one;
    }
    if (this.kept.size >= this.options.max && !this.makeRoom()) return undefined;
    const one = this.options.make(principal, tool, apart);
    this.kept.set(key, { one, principal, usedAt: performance.now() });
    this.sweepLater();
    return one;
  }

  /** Those of one principal, or all of them. */
  every(principal?: PrincipalId): readonly T[] {
    return [...this.kept.values()]
      .filter((kept) => principal === undefined || kept.principal === principal)
      .map(({ one }) => one);
  }

  /** Releases all of them, in use or not. */
  clear(): void {
    this.stopSweeping?.();
    this.stopSweeping = undefined;
    for (const key of [...this.kept.keys()]) this.drop(key);
  }

  private makeRoom(): boolean {
    for (const [key, { one }] of this.kept) {
      if (this.options.isInUse?.(one)) continue;
      this.drop(key);
      return true;
    }
    return false;
  }

  private sweepLater(): void {
    this.stopSweeping ??= this.options.deadlines.add(this.options.idleMs, () => {
      this.stopSweeping = undefined;
      const since = performance.now() - this.options.idleMs;
      for (const [key, { one, usedAt }] of this.kept) {
        if (usedAt <= since && !this.options.isInUse?.(one)) this.drop(key);
      }
      if (this.kept.size > 0) this.sweepLater();
    });
  }

  private drop(key: string): void {
    const { one } = this.kept.get(key)!;
    this.kept.delete(key);
    this.options.release?.(one);
  }
}
