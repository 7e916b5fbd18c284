interface Lane {
  running: number;
  readonly waiting: (() => void)[];
}

export interface TurnLimits {
  /** Turns at a time, of everybody together. */
  readonly atOnce: number;
  /** Who may wait for one, of everybody together. */
  readonly waiting: number;
  /** Who may wait of one lane. */
  readonly waitingOfOne: number;
}

/**
 * Turns for work that only a few may do at a time. Those of a lane stand in a queue; between lanes the next turn goes to the
 * one that has the fewest, and among equals to the one whose last turn began first. So whoever asks for a lot waits for their
 * own work, and others do not.
 */
export class FairTurns {
  /** With something running or waiting; in the order in which they get their turns. */
  private readonly lanes = new Map<string, Lane>();
  private running = 0;
  private waiting = 0;

  constructor(private readonly limits: TurnLimits) {}

  /** @returns how to give the turn back, once. Undefined: too many wait already */
  take(name: string): Promise<() => void> | undefined {
    const lane = this.lanes.get(name) ?? { running: 0, waiting: [] };
    const { atOnce, waiting, waitingOfOne } = this.limits;
    if (this.running < atOnce) {
      this.lanes.set(name, lane);
      this.start(name, lane);
      return Promise.resolve(() => this.end(name, lane));
    }
    if (this.waiting >= waiting || lane.waiting.length >= waitingOfOne) return undefined;
    this.lanes.set(name, lane);
    this.waiting++;
    return new Promise((resolve) => lane.waiting.push(() => resolve(() => this.end(name, lane))));
  }

  private start(name: string, lane: Lane): void {
    lane.running++;
    this.running++;
    // Behind all others, for the next turn.
    this.lanes.delete(name);
    this.lanes.set(name, lane);
  }

  // Whoever is next starts at once, so that nobody gets in between.
  private end(name: string, lane: Lane): void {
    lane.running--;
    this.running--;
    if (lane.running === 0 && lane.waiting.length === 0) this.lanes.delete(name);
    let next: [string, Lane] | undefined;
    for (const one of this.lanes) {
      if (one[1].waiting.length > 0 && (!next || one[1].running < next[1].running)) next = one;
    }
    if (!next) return;
    this.waiting--;
    this.start(...next);
    next[1].waiting.shift()!();
  }
}
