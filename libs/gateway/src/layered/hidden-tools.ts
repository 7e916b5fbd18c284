import type { MemberSlot, ToolFacts } from '#builder';
import { isObject } from '#kernel';
import type { CatalogEntry } from '../catalog/catalog-entry.js';
import { SearchIndex } from './search-index.js';
import { toolDetail, toolFacts } from './tool-facts.js';

/** One of the tools behind a layered member's three. */
export interface HiddenTool {
  readonly facts: ToolFacts;
  readonly entry: CatalogEntry;
}

/** Beside its definition, what is kept of a tool once it was looked for. */
const BYTES_PER_TOOL = 4_096;

/** The tools behind the three of a layered member that are open to one kind of principal. */
export class HiddenTools {
  private known:
    { readonly tools: readonly HiddenTool[]; readonly byName: ReadonlyMap<string, HiddenTool> } | undefined;
  private indexed: Promise<SearchIndex> | undefined;

  /** @param entries of the member alone */
  constructor(
    private readonly slot: MemberSlot,
    private readonly entries: readonly CatalogEntry[],
  ) {}

  /** About how many bytes it keeps once somebody has searched it. */
  get weight(): number {
    return this.entries.length * BYTES_PER_TOOL;
  }

  get all(): readonly HiddenTool[] {
    return this.read().tools;
  }

  /** By the name that callers are told, or by that of the tool. */
  find(name: string): HiddenTool | undefined {
    return this.read().byName.get(name);
  }

  /** Made when it is first asked for, once. */
  index(): Promise<SearchIndex> {
    this.indexed ??= SearchIndex.of(this.all.map(({ facts }) => facts));
    return this.indexed;
  }

  /** All that a caller has to know to call it. */
  detailOf({ entry }: HiddenTool): object {
    const own = ownNameOf(entry);
    const detail = this.slot.member?.desk?.detailOf(own);
    return detail ? { ...detail, ...chosenFor(entry) } : toolDetail({ ...definitionOf(entry), name: own });
  }

  private read(): NonNullable<HiddenTools['known']> {
    if (this.known) return this.known;
    const told = new Map<string, HiddenTool>();
    const tools = this.entries.map((entry) => {
      const facts = this.factsOf(entry);
      // Documents give one id to several operations; those after the first are known by their tools' names.
      const service = { entry, facts: told.has(facts.name) ? { ...facts, name: ownNameOf(entry) } : facts };
      if (!told.has(service.facts.name)) told.set(service.facts.name, service);
      return service;
    });
    const byOwnName = tools.map((service) => [ownNameOf(service.entry), service] as const);
    this.known = { tools, byName: new Map([...byOwnName, ...told]) };
    return this.known;
  }

  private factsOf(entry: CatalogEntry): ToolFacts {
    const own = ownNameOf(entry);
    const facts = this.slot.member?.desk?.factsOf(own);
    return facts ? { ...facts, ...chosenFor(entry) } : toolFacts({ ...definitionOf(entry), name: own });
  }
}

/** Words that the configuration has for it: definitions have them already, and a desk knows none. */
const chosenFor = ({ described }: CatalogEntry): object =>
  described === undefined ? {} : { summary: described, description: described };

const ownNameOf = ({ target }: CatalogEntry): string => ('own' in target ? target.own : target.management);

function definitionOf({ definition }: CatalogEntry): Readonly<Record<string, unknown>> {
  const value: unknown = JSON.parse(definition.toString('utf8'));
  return isObject(value) ? value : {};
}
