import type { PrincipalId } from '#kernel';
import type { MemberSlot } from './member-slot.js';
import type { Deadlines } from './wire/deadlines.js';

/** How soon a member is asked that has news; what comes meanwhile counts once. */
const NEWS_MS = 500;

/** Members that are to be asked soon because something has changed, each once. */
export class DueChecks {
  /** With whose credential, if that of anybody. */
  private readonly due = new Map<MemberSlot, PrincipalId | undefined>();

  constructor(
    private readonly deadlines: Pick<Deadlines, 'add'>,
    private readonly check: (slot: MemberSlot, as?: PrincipalId) => void,
  ) {}

  /** @param as whose credential is used where every principal has its own */
  add(slot: MemberSlot, as?: PrincipalId): void {
    const isDue = this.due.has(slot);
    this.due.set(slot, as ?? this.due.get(slot));
    if (isDue) return;
    this.deadlines.add(NEWS_MS, () => {
      const by = this.due.get(slot);
      this.due.delete(slot);
      this.check(slot, by);
    });
  }
}
