import { isObject } from '#kernel';
import type { StoredCatalog } from '#registry';
import type { MemberOffer } from '../member.js';
import type { MemberOrder } from '../members/member-parts.js';
import { TimeLimit } from '../wire/time-limit.js';
import type { MemberLink, MemberSource } from './member-link.js';
import { fetchTools } from './tool-list.js';

interface OfferOrder extends Pick<MemberOrder, 'clock' | 'log' | 'stored'> {
  /** Names where the offer comes from: what another place has offered is not taken for this one's. */
  readonly origin: string;
}

/** What an MCP member offers: as it said when it was last asked, by this process or a former one. */
export class McpOffer {
  private offer: MemberOffer;
  private asked = 0;

  constructor(private readonly order: OfferOrder) {
    this.offer = { tools: storedTools(order) };
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
    return { fetchedAt: new Date(clock.now()), content: { endpoint: origin, tools: this.offer.tools } };
  }

  private async ask(source: MemberSource, timeoutMs: number): Promise<MemberOffer> {
    const limit = new TimeLimit(timeoutMs);
    const turn = ++this.asked;
    const tools = await fetchTools(source, limit, this.order.log);
    // Nobody waits for an answer that came too late, and a later one may be here already.
    limit.left();
    if (turn === this.asked) this.offer = { tools };
    return this.offer;
  }
}

/** What the same endpoint offered before. The tools of another one would promise what nobody keeps. */
function storedTools({ stored, origin }: OfferOrder): readonly string[] {
  const content = stored?.content;
  if (!isObject(content) || content['endpoint'] !== origin || !Array.isArray(content['tools'])) return [];
  return content['tools'].filter((tool): tool is string => typeof tool === 'string');
}
