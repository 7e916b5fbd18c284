import {
  type FieldNode,
  type FragmentDefinitionNode,
  Kind,
  type OperationDefinitionNode,
  OperationTypeNode,
  type SelectionSetNode,
  type ValueNode,
} from 'graphql';
import type { GraphqlServerConfig } from '#registry';
import { InvalidOperationError, OperationLimitError } from './graphql.errors.js';
import type { ParsedOperation } from './parse-operation.js';

/** What one operation may ask for at most. */
export type OperationLimits = GraphqlServerConfig['graphql']['limits'];

/** What it asks for: each fragment counts as often as it is used. */
export interface OperationSize {
  /** Fields inside one another; below `__schema` and `__type` they do not count. */
  readonly depth: number;
  readonly fields: number;
  readonly aliases: number;
  /** Every field costs 1, and all below a field with `first`, `last` or `limit` costs so many times as much. */
  readonly cost: number;
}

export type Variables = Readonly<Record<string, unknown>>;

const NOTHING: OperationSize = { depth: 0, fields: 0, aliases: 0, cost: 0 };
const PAGE_SIZES: ReadonlySet<string> = new Set(['first', 'last', 'limit']);
const INTROSPECTION: ReadonlySet<string> = new Set(['__schema', '__type']);
const LIMITS = ['depth', 'fields', 'aliases', 'cost'] as const;
const NAMES = { depth: 'depth', fields: 'number of fields', aliases: 'number of aliases', cost: 'cost' } as const;

/** @throws OperationLimitError that names the limit and the value; InvalidOperationError as `sizeOf` */
export function enforceLimits(document: ParsedOperation, variables: Variables, limits: OperationLimits): void {
  const size = sizeOf(document, variables);
  for (const limit of LIMITS) {
    if (size[limit] > limits[limit]) throw new OperationLimitError(NAMES[limit], size[limit], limits[limit]);
  }
}

/**
 * The size of the largest operation of a document. Needs no schema: a list without a page size counts as one thing.
 *
 * @param variables page sizes may be among them
 * @throws InvalidOperationError for a subscription, and for a fragment that is not there or leads back to itself
 */
export function sizeOf(document: ParsedOperation, variables: Variables = {}): OperationSize {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const node of document.definitions)
    if (node.kind === Kind.FRAGMENT_DEFINITION) fragments.set(node.name.value, node);
  let largest = NOTHING;
  for (const node of document.definitions) {
    if (node.kind !== Kind.OPERATION_DEFINITION) continue;
    if (node.operation === OperationTypeNode.SUBSCRIPTION) {
      throw new InvalidOperationError('a subscription is not sent: a tool gives one answer');
    }
    const size = new Measuring(fragments, { ...defaultsOf(node), ...variables }).sizeOf(node.selectionSet);
    largest = largerOf(largest, size);
  }
  return largest;
}

class Measuring {
  private readonly sizes = new Map<string, OperationSize | 'open'>();

  constructor(
    private readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>,
    private readonly variables: Variables,
  ) {}

  sizeOf({ selections }: SelectionSetNode): OperationSize {
    return selections.reduce((sum, node) => {
      if (node.kind === Kind.FIELD) return add(sum, this.ofField(node));
      return add(
        sum,
        node.kind === Kind.INLINE_FRAGMENT ? this.sizeOf(node.selectionSet) : this.ofFragment(node.name.value),
      );
    }, NOTHING);
  }

  private ofField({ name, alias, selectionSet, arguments: given = [] }: FieldNode): OperationSize {
    const below = selectionSet ? this.sizeOf(selectionSet) : NOTHING;
    const sizes = given.map((argument) => (PAGE_SIZES.has(argument.name.value) ? this.pageSize(argument.value) : 1));
    return {
      depth: INTROSPECTION.has(name.value) ? 1 : below.depth + 1,
      fields: below.fields + 1,
      aliases: below.aliases + (alias ? 1 : 0),
      cost: 1 + Math.max(1, ...sizes) * below.cost,
    };
  }

  // Each is measured once: what uses it twice counts it twice, however many operations that would be written out.
  private ofFragment(name: string): OperationSize {
    const known = this.sizes.get(name);
    if (known === 'open') throw new InvalidOperationError(`the fragment ${name} leads back to itself`);
    if (known) return known;
    const fragment = this.fragments.get(name);
    if (!fragment) throw new InvalidOperationError(`there is no fragment ${name}`);
    this.sizes.set(name, 'open');
    const size = this.sizeOf(fragment.selectionSet);
    this.sizes.set(name, size);
    return size;
  }

  private pageSize(value: ValueNode): number {
    const given = value.kind === Kind.VARIABLE ? this.variables[value.name.value] : numberIn(value);
    const size = Number(given);
    return Number.isFinite(size) ? size : 1;
  }
}

function defaultsOf({ variableDefinitions = [] }: OperationDefinitionNode): Variables {
  return Object.fromEntries(
    variableDefinitions.flatMap(({ variable, defaultValue }) =>
      defaultValue ? [[variable.name.value, numberIn(defaultValue)]] : [],
    ),
  );
}

const numberIn = (value: ValueNode): unknown => ('value' in value && value.kind === Kind.INT ? value.value : 1);

const add = (a: OperationSize, b: OperationSize): OperationSize => ({
  depth: Math.max(a.depth, b.depth),
  fields: a.fields + b.fields,
  aliases: a.aliases + b.aliases,
  cost: a.cost + b.cost,
});

const largerOf = (a: OperationSize, b: OperationSize): OperationSize => ({
  depth: Math.max(a.depth, b.depth),
  fields: Math.max(a.fields, b.fields),
  aliases: Math.max(a.aliases, b.aliases),
  cost: Math.max(a.cost, b.cost),
});
