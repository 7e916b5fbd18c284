import type { MemberSlot, ServiceFacts } from '#builder';
import { isObject } from '#kernel';
import type { CatalogEntry } from '../catalog/catalog-entry.js';
import { ServiceIndex } from './service-index.js';
import { toolDetail, toolFacts } from './tool-facts.js';

/** One of the tools behind a layered member's three. */
export interface Service {
  readonly facts: ServiceFacts;
  readonly entry: CatalogEntry;
}

/** Beside its definition, what is kept of a service once it was looked for. */
const BYTES_PER_SERVICE = 4_096;

/** The tools behind the three of a layered member that are open to one kind of principal. */
export class ServiceList {
  private known: { readonly services: readonly Service[]; readonly byName: ReadonlyMap<string, Service> } | undefined;
  private indexed: Promise<ServiceIndex> | undefined;

  /** @param entries of the member alone */
  constructor(
    private readonly slot: MemberSlot,
    private readonly entries: readonly CatalogEntry[],
  ) {}

  /** About how many bytes it keeps once somebody has searched it. */
  get weight(): number {
    return this.entries.length * BYTES_PER_SERVICE;
  }

  get services(): readonly Service[] {
    return this.read().services;
  }

  /** By the name that callers are told, or by that of the tool. */
  find(name: string): Service | undefined {
    return this.read().byName.get(name);
  }

  /** Made when it is first asked for, once. */
  index(): Promise<ServiceIndex> {
    this.indexed ??= ServiceIndex.of(this.services.map(({ facts }) => facts));
    return this.indexed;
  }

  /** All that a caller has to know to call it. */
  detailOf({ entry }: Service): object {
    const own = ownNameOf(entry);
    return this.slot.member?.services?.detailOf(own) ?? toolDetail({ ...definitionOf(entry), name: own });
  }

  private read(): NonNullable<ServiceList['known']> {
    if (this.known) return this.known;
    const told = new Map<string, Service>();
    const services = this.entries.map((entry) => {
      const facts = this.factsOf(entry);
      // Documents give one id to several operations; those after the first are known by their tools' names.
      const service = { entry, facts: told.has(facts.name) ? { ...facts, name: ownNameOf(entry) } : facts };
      if (!told.has(service.facts.name)) told.set(service.facts.name, service);
      return service;
    });
    const byOwnName = services.map((service) => [ownNameOf(service.entry), service] as const);
    this.known = { services, byName: new Map([...byOwnName, ...told]) };
    return this.known;
  }

  private factsOf(entry: CatalogEntry): ServiceFacts {
    const own = ownNameOf(entry);
    return this.slot.member?.services?.factsOf(own) ?? toolFacts({ ...definitionOf(entry), name: own });
  }
}

const ownNameOf = ({ target }: CatalogEntry): string => ('own' in target ? target.own : target.management);

function definitionOf({ definition }: CatalogEntry): Readonly<Record<string, unknown>> {
  const value: unknown = JSON.parse(definition.toString('utf8'));
  return isObject(value) ? value : {};
}
