import { isObject } from '#kernel';
import type { StoredCatalog } from '#registry';
import type { MemberOffer } from '../member.js';
import type { MemberOrder } from '../members/member-parts.js';
import { TimeLimit } from '../wire/time-limit.js';
import { type ToolSource, fetchTools } from './tool-list.js';

type OfferOrder = Pick<MemberOrder, 'clock' | 'log' | 'stored'> & { readonly config: { readonly endpoint: string } };

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
  async refresh(source: ToolSource, timeoutMs: number): Promise<MemberOffer> {
    const limit = new TimeLimit(timeoutMs);
    const turn = ++this.asked;
    const tools = await fetchTools(source, limit, this.order.log);
    // Nobody waits for an answer that came too late, and a later one may be here already.
    limit.left();
    if (turn === this.asked) this.offer = { tools };
    return this.offer;
  }

  snapshot(): StoredCatalog {
    const { config, clock } = this.order;
    return { fetchedAt: new Date(clock.now()), content: { endpoint: config.endpoint, tools: this.offer.tools } };
  }
}

/** What the same endpoint offered before. The tools of another one would promise what nobody keeps. */
function storedTools({ stored, config }: OfferOrder): readonly string[] {
  const content = stored?.content;
  if (!isObject(content) || content['endpoint'] !== config.endpoint || !Array.isArray(content['tools'])) return [];
  return content['tools'].filter((tool): tool is string => typeof tool === 'string');
}
