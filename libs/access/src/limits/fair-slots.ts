import { RateLimitedError } from './limits.errors.js';

export interface SlotBounds {
  readonly total: number;
  readonly waitingPerTenant: number;
  readonly maxWaitMs: number;
}

/** A place among those at work. */
export interface Slot {
  /** Gives the place back. Again: nothing. */
  leave(): void;
}

/** A turn that has not come yet. */
export interface Turn {
  /** Rejects with `RateLimitedError` when it took too long, or was given up. */
  readonly slot: Promise<Slot>;
  /** Nobody waits for it any more. */
  giveUp(): void;
}

interface Waiter {
  readonly admit: (slot: Slot) => void;
  readonly refuse: (error: RateLimitedError) => void;
  readonly timer: NodeJS.Timeout;
}

interface Lane {
  readonly tenant: string;
  /** What the tenant may have at work, as it was told last. */
  bound: number;
  atWork: number;
  /** First come, first served. */
  readonly waiting: Set<Waiter>;
}

/**
 * Slots that tenants share fairly: whoever waits gets the next free one in turn, one tenant after the other and in the
 * order of arrival within one, so that a tenant that asks for much waits for itself. No slot is idle while a tenant that
 * may have it waits. In memory is only who works or waits.
 */
export class FairSlots {
  private readonly lanes = new Map<string, Lane>();
  /** Lanes that could use a slot at once: somebody waits there, and the tenant's own bound is not reached. */
  private readonly turns = new Set<Lane>();
  private atWork = 0;

  constructor(private readonly bounds: SlotBounds) {}

  get inUse(): number {
    return this.atWork;
  }

  get isIdle(): boolean {
    return this.atWork === 0 && this.lanes.size === 0 && this.turns.size === 0;
  }

  /** A slot at once if there is one, else a turn. @throws RateLimitedError if too many of the tenant wait already */
  enter(tenant: string, bound: number): Slot | Turn {
    const lane = this.lanes.get(tenant) ?? this.open(tenant);
    lane.bound = bound;
    // Whenever a slot is free, nobody waits who could use it: so this overtakes nobody.
    if (this.atWork < this.bounds.total && lane.atWork < bound && lane.waiting.size === 0) return this.occupy(lane);
    if (lane.waiting.size >= this.bounds.waitingPerTenant) {
      throw new RateLimitedError('too many calls of this tenant are under way and waiting', this.bounds.maxWaitMs);
    }
    return this.wait(lane);
  }

  private open(tenant: string): Lane {
    const lane: Lane = { tenant, bound: 0, atWork: 0, waiting: new Set() };
    this.lanes.set(tenant, lane);
    return lane;
  }

  private occupy(lane: Lane): Slot {
    this.atWork++;
    lane.atWork++;
    let isLeft = false;
    return {
      leave: () => {
        if (isLeft) return;
        isLeft = true;
        this.atWork--;
        lane.atWork--;
        this.settle(lane);
        this.handOut();
      },
    };
  }

  private wait(lane: Lane): Turn {
    let giveUp!: () => void;
    const slot = new Promise<Slot>((admit, refuse) => {
      const leave = (why: string) => {
        if (!lane.waiting.delete(waiter)) return;
        clearTimeout(waiter.timer);
        this.settle(lane);
        refuse(new RateLimitedError(why, 1));
      };
      const timer = setTimeout(
        () => leave('this call waited too long for its turn: too many are under way'),
        this.bounds.maxWaitMs,
      );
      const waiter: Waiter = { admit, refuse, timer };
      giveUp = () => leave('this call was given up while it waited for its turn');
      lane.waiting.add(waiter);
    });
    // A bound that was raised lets those in who came before.
    this.settle(lane);
    this.handOut();
    return { slot, giveUp };
  }

  /** Puts the lane where it belongs now. */
  private settle(lane: Lane): void {
    if (lane.waiting.size > 0 && lane.atWork < lane.bound) this.turns.add(lane);
    else this.turns.delete(lane);
    if (lane.waiting.size === 0 && lane.atWork === 0) this.lanes.delete(lane.tenant);
  }

  private handOut(): void {
    for (const lane of this.turns) {
      if (this.atWork >= this.bounds.total) return;
      // To the end of the line, where this loop meets it again if it still has a turn.
      this.turns.delete(lane);
      const [waiter] = lane.waiting;
      lane.waiting.delete(waiter!);
      clearTimeout(waiter!.timer);
      waiter!.admit(this.occupy(lane));
      this.settle(lane);
    }
  }
}
