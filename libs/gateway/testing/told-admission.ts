import { ComposerError } from '#kernel';
import { CallAdmission, type Ticket, type Turn } from '../src/router/call-admission.js';

class TooMany extends ComposerError {
  constructor() {
    super('COMPOSER_RATE_LIMITED', 'too many', { status: 429, retryAfter: 2 });
  }
}

/** Two places, and a line in front of them that a test moves. */
export class ToldAdmission extends CallAdmission {
  inUse = 0;
  places = 2;
  readonly line: { admit: () => void; refuse: () => void }[] = [];

  override refusalOf(): undefined {
    return undefined;
  }
  override enter(): Ticket | Turn {
    if (this.line.length >= 2) throw new TooMany();
    if (this.inUse < this.places) return this.ticket();
    let giveUp!: () => void;
    const slot = new Promise<Ticket>((resolve, reject) => {
      const leave = (then: () => void) => () => {
        this.line.splice(this.line.indexOf(waiter), 1);
        then();
      };
      const waiter = { admit: leave(() => resolve(this.ticket())), refuse: leave(() => reject(new TooMany())) };
      this.line.push(waiter);
      giveUp = () => this.line.includes(waiter) && waiter.refuse();
    });
    return { slot, giveUp };
  }
  private ticket(): Ticket {
    this.inUse++;
    let isLeft = false;
    return {
      leave: () => {
        if (!isLeft) this.inUse--;
        isLeft = true;
      },
    };
  }
}
