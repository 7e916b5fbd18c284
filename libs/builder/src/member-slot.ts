import type { ComposerError, MemberRef } from '#kernel';
import type { Log } from '#observability';
import type { ServerConfig } from '#registry';
import type { Member, MemberOutcome } from './member.js';
import { type ListKind, type MemberOffer, changesBetween, offerOf } from './member-offer.js';
import { outcomeOf } from './wire/retry.js';

/** The place of one configuration among the members that serve: the member, what it offers, and how it was last. */
export class MemberSlot {
  readonly log: Log;
  /** Absent if the configuration could not be built; `problem` says why. */
  member: Member | undefined;
  offer: MemberOffer = offerOf({});
  outcome: MemberOutcome = 'unknown';
  problem: string | undefined;
  /** Its last check failed for want of a person's consent, and of nothing else. */
  awaitsConsent = false;
  /** Which stored state it serves, as the registry names it; absent before it serves. */
  mark: string | undefined;
  /** When the member is to be checked next, in milliseconds of `performance.now()`. */
  nextCheckAt = 0;

  /** Lists that the member said are others, which nobody was told yet. */
  private announced = new Set<ListKind>();

  constructor(
    readonly ref: MemberRef,
    /** Absent if it could not be opened. */
    readonly config: ServerConfig | undefined,
    log: Log,
    /** Hides secrets: what a member says is shown to people, and it may repeat what it was sent. */
    private readonly mask: (text: string) => string = (text) => text,
  ) {
    this.log = log.with({ tenant: ref.tenantId, server: ref.serverId });
  }

  serveWith(member: Member): void {
    this.member = member;
    this.offer = member.offered();
  }

  /** The member said that a list is another one: whoever hears of lists is told so once it was asked. */
  noteAnnounced(list: ListKind): void {
    this.announced.add(list);
  }

  /**
   * The lists that differ from those of the offer before, or that the member has announced: what makes up a list may have
   * changed beside what it shows. Undefined if nothing has changed.
   */
  takeOver(offer: MemberOffer): ReadonlySet<ListKind> | undefined {
    const { announced } = this;
    const changed = changesBetween(this.offer, offer);
    if (changed) this.offer = offer;
    if (announced.size === 0) return changed;
    this.announced = new Set();
    return new Set([...(changed ?? []), ...announced]);
  }

  note(outcome: MemberOutcome, problem?: string): void {
    if (this.outcome !== outcome && this.outcome !== 'unknown')
      this.log.info('member changed its state', { from: this.outcome, to: outcome });
    this.outcome = outcome;
    this.problem = outcome === 'ok' ? undefined : problem === undefined ? this.problem : this.mask(problem);
  }

  noteFailure(fault: ComposerError): void {
    this.note(outcomeOf(fault), fault.message);
  }
}
