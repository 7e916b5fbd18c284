import { isObject } from '#kernel';
import type { StoredCatalog } from '#registry';
import { MemberFaultError } from '../builder.errors.js';
import { type CacheHint, type MemberOffer, OFFERED, type Offered, offerOf } from '../member-offer.js';
import type { MemberOrder } from '../members/member-parts.js';
import { TimeLimit } from '../wire/time-limit.js';
import { METHOD_NOT_FOUND } from './mcp-protocol.js';
import type { MemberLink } from './member-link.js';
import { type FetchedList, fetchList } from './offered-list.js';
import { factsIn, listsOf } from './server-facts.js';

interface OfferOrder extends Pick<MemberOrder, 'clock' | 'log' | 'stored'> {
  /** Names where the offer comes from: what another place has offered is not taken for this one's. */
  readonly origin: string;
}

/** What an MCP member offers: as it said when it was last asked, by this process or a former one. */
export class McpOffer {
  private offer: MemberOffer;
  private asked = 0;

  constructor(private readonly order: OfferOrder) {
    this.offer = storedOffer(order);
  }

  get current(): MemberOffer {
    return this.offer;
  }

  /** Asks anew. Rejects with a `ComposerError` that says why there is no answer; what was known before stays. */
  async refresh<Session>(link: MemberLink<Session>, timeoutMs: number): Promise<MemberOffer> {
    try {
      return await this.ask(link, timeoutMs);
    } catch (error) {
      const session = link.peek();
      // It may be the session that is wrong: the next one that asks opens another.
      if (session) link.forget(session);
      throw error;
    }
  }

  snapshot(): StoredCatalog {
    const { origin, clock } = this.order;
    return { fetchedAt: new Date(clock.now()), content: { endpoint: origin, ...this.offer } };
  }

  private async ask<Session>(link: MemberLink<Session>, timeoutMs: number): Promise<MemberOffer> {
    const limit = new TimeLimit(timeoutMs);
    const turn = ++this.asked;
    const facts = await link.describe(limit);
    const wanted = listsOf(facts);
    const fetching = { source: link, limit, log: this.order.log, bytes: 0 };
    const fetched = await Promise.allSettled(wanted.map((list) => fetchList(list, fetching)));
    const [main] = fetched;
    if (main?.status === 'rejected') throw main.reason;
    // Nobody waits for an answer that came too late, and a later one may be here already.
    limit.left();
    if (turn === this.asked) this.offer = offerOf({ ...facts, ...this.merged(wanted, fetched) });
    return this.offer;
  }

  /** A list that cannot be had stays as it was known: it takes none of the others along. */
  private merged(
    wanted: readonly Offered[],
    fetched: readonly PromiseSettledResult<FetchedList>[],
  ): Pick<MemberOffer, 'hints'> {
    const lists: Partial<Record<Offered, readonly string[]>> = {};
    const hints: Partial<Record<Offered, CacheHint>> = {};
    fetched.forEach((outcome, at) => {
      const list = wanted[at]!;
      if (outcome.status === 'fulfilled') {
        lists[list] = outcome.value.entries;
        if (outcome.value.hint) hints[list] = outcome.value.hint;
        return;
      }
      const error: unknown = outcome.reason;
      // Resources without templates are usual, and some members say so in this way.
      if (list === 'resourceTemplates' && error instanceof MemberFaultError && error.faultCode === METHOD_NOT_FOUND)
        return;
      lists[list] = this.offer[list];
      this.order.log.warn('a list of a member cannot be had; it stays as it was', { list, err: error });
    });
    return { ...lists, hints };
  }
}

/** What the same endpoint offered before. The tools of another one would promise what nobody keeps. */
function storedOffer({ stored, origin }: OfferOrder): MemberOffer {
  const content = stored?.content;
  if (!isObject(content) || content['endpoint'] !== origin) return offerOf({});
  const lists = OFFERED.map((list): [Offered, readonly string[]] => {
    const texts = content[list];
    return [list, Array.isArray(texts) ? texts.filter((text): text is string => typeof text === 'string') : []];
  });
  const hints = isObject(content['hints']) ? content['hints'] : {};
  return offerOf({ ...factsIn(content), ...Object.fromEntries(lists), hints });
}
