import type { MemberSlot } from '#builder';
import type { HiddenTools } from '../layered/hidden-tools.js';
import type { CatalogEntry } from './catalog-entry.js';
import { EntryList } from './entry-list.js';

/** The lists of the protocol, as their results name them. */
export type ListName = 'tools' | 'prompts' | 'resources' | 'resourceTemplates';
/** Of each list what is in it, ordered by name. */
export type ListedEntries = Readonly<Record<ListName, readonly CatalogEntry[]>>;

interface ViewParts {
  readonly pageSize: number;
  /** The members of which something is open, ordered by id. */
  readonly servers: readonly MemberSlot[];
  /** Of layered members of which something is open, the tools behind their three. */
  readonly hidden?: ReadonlyMap<MemberSlot, HiddenTools>;
}

/** What one kind of principal sees of an offering: principals to whom the same is open share it. */
export class CatalogView {
  readonly tools: EntryList;
  readonly prompts: EntryList;
  readonly resources: EntryList;
  readonly resourceTemplates: EntryList;
  /** The members that may be asked for more than they list, ordered by id. */
  readonly servers: readonly MemberSlot[];
  readonly hidden: ReadonlyMap<MemberSlot, HiddenTools>;
  /** Those that the entries belong to. */
  readonly members: ReadonlySet<MemberSlot>;

  constructor(entries: ListedEntries, { pageSize, servers, hidden = new Map() }: ViewParts) {
    this.tools = new EntryList(entries.tools, pageSize);
    this.prompts = new EntryList(entries.prompts, pageSize);
    this.resources = new EntryList(entries.resources, pageSize);
    this.resourceTemplates = new EntryList(entries.resourceTemplates, pageSize);
    this.servers = servers;
    this.hidden = hidden;
    this.members = new Set(
      this.lists.flatMap((list) => list.entries.flatMap(({ target }) => ('slot' in target ? [target.slot] : []))),
    );
  }

  /** Whether there is nothing in it. */
  get isEmpty(): boolean {
    return this.lists.every(({ entries }) => entries.length === 0);
  }

  /** About how many bytes it keeps once all its pages were read, and what is behind them searched. */
  get weight(): number {
    return [...this.lists, ...this.hidden.values()].reduce((sum, { weight }) => sum + weight, 0);
  }

  private get lists(): readonly EntryList[] {
    return [this.tools, this.prompts, this.resources, this.resourceTemplates];
  }
}
