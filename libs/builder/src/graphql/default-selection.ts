import {
  type GraphQLCompositeType,
  type GraphQLField,
  type GraphQLOutputType,
  type GraphQLSchema,
  getNamedType,
  isAbstractType,
  isCompositeType,
  isLeafType,
  isObjectType,
  isRequiredArgument,
  isUnionType,
} from 'graphql';

/** What is selected where the caller does not say it. */
export const SELECTION_LIMITS = {
  /** Objects inside one another; what holds a page of a list does not count. */
  depth: 2,
  /** Fields in all. */
  fields: 60,
  /** Fields without fields of their own, of an object inside another one. */
  inner: 12,
  /** Object types of an interface or a union. */
  types: 5,
};

type Field = GraphQLField<unknown, unknown>;
interface Room {
  left: number;
}

/**
 * The fields of a type that answer most questions: what has no fields of its own, and so of the objects in it. What wants
 * arguments, is deprecated or has the name of a secret is left out, and so are objects with arguments: most are lists that have to be bounded.
 *
 * @returns a selection set; empty if the type has no fields
 */
export function defaultSelection(type: GraphQLOutputType, schema: GraphQLSchema): string {
  const named = getNamedType(type);
  if (!isCompositeType(named)) return '';
  const { depth, fields } = SELECTION_LIMITS;
  return `{ ${new Selecting(schema, { left: fields }).fieldsOf(named, depth).join(' ')} }`;
}

class Selecting {
  constructor(
    private readonly schema: GraphQLSchema,
    private readonly room: Room,
  ) {}

  fieldsOf(type: GraphQLCompositeType, depth: number): readonly string[] {
    const page = pageOf(type);
    if (page) return this.ofPage(type, page, depth);
    const most = depth === SELECTION_LIMITS.depth ? this.room.left : SELECTION_LIMITS.inner;
    const leaves = this.leavesOf(type, most);
    const inner = depth > 1 ? this.innerOf(type, depth) : [];
    const typed = isAbstractType(type) ? ['__typename', ...leaves, ...this.ofTypes(type, leaves)] : leaves;
    const all = [...typed, ...inner];
    return all.length > 0 ? all : ['__typename'];
  }

  /** A page of a list in the manner of Relay: its items are what is asked for. */
  private ofPage(type: GraphQLCompositeType, { edges, nodes, node }: Page, depth: number): readonly string[] {
    const own = this.leavesOf(type, SELECTION_LIMITS.inner);
    const items = isObjectType(node) && pageOf(node) ? ['__typename'] : this.fieldsOf(node, Math.min(depth, 2));
    const listed = nodes ? `nodes { ${items.join(' ')} }` : `${edges.name} { cursor node { ${items.join(' ')} } }`;
    return [...own, listed, ...this.pageInfoOf(type)];
  }

  private pageInfoOf(type: GraphQLCompositeType): readonly string[] {
    const info = fieldOf(type, 'pageInfo');
    const named = info && getNamedType(info.type);
    if (!isObjectType(named)) return [];
    const known = ['hasNextPage', 'endCursor'].filter((name) => isLeaf(named.getFields()[name]));
    return known.length > 0 ? [`pageInfo { ${known.join(' ')} }`] : [];
  }

  private leavesOf(type: GraphQLCompositeType, most: number): readonly string[] {
    const names = usable(type)
      .filter(isLeaf)
      .map(({ name }) => name);
    const taken = names.slice(0, Math.max(0, Math.min(most, this.room.left)));
    this.room.left -= taken.length;
    return taken;
  }

  private innerOf(type: GraphQLCompositeType, depth: number): readonly string[] {
    return usable(type).flatMap((field) => {
      const named = getNamedType(field.type);
      if (!isCompositeType(named) || field.args.length > 0 || this.room.left <= 0) return [];
      const fields = this.fieldsOf(named, depth - 1);
      return fields.every((name) => name === '__typename') ? [] : [`${field.name} { ${fields.join(' ')} }`];
    });
  }

  /** One field may not be two things in one answer (GraphQL, 5.3.2), whichever of the types it has. */
  private ofTypes(type: GraphQLCompositeType, common: readonly string[]): readonly string[] {
    if (!isAbstractType(type)) return [];
    const seen = new Map<string, string>();
    return this.schema
      .getPossibleTypes(type)
      .slice(0, SELECTION_LIMITS.types)
      .flatMap((possible) => {
        const fields = this.leavesOf(possible, SELECTION_LIMITS.inner).filter((name) => {
          const kind = String(possible.getFields()[name]?.type);
          const isSame = (seen.get(name) ?? kind) === kind;
          if (isSame) seen.set(name, kind);
          return isSame && !common.includes(name);
        });
        return fields.length > 0 ? [`... on ${possible.name} { ${fields.join(' ')} }`] : [];
      });
  }
}

interface Page {
  readonly edges: Field;
  readonly nodes: Field | undefined;
  readonly node: GraphQLCompositeType;
}

function pageOf(type: GraphQLCompositeType): Page | undefined {
  const edges = /Connection$/.test(type.name) ? fieldOf(type, 'edges') : undefined;
  const edge = edges && getNamedType(edges.type);
  const item = isObjectType(edge) && edge.getFields()['cursor'] ? edge.getFields()['node'] : undefined;
  const node = item && getNamedType(item.type);
  if (!edges || !node || !isCompositeType(node) || edges.args.length > 0 || item.args.length > 0) return undefined;
  const nodes = fieldOf(type, 'nodes');
  const isList = nodes?.args.length === 0 && getNamedType(nodes.type).name === node.name;
  return { edges, nodes: isList ? nodes : undefined, node };
}

function usable(type: GraphQLCompositeType): readonly Field[] {
  if (isUnionType(type)) return [];
  return Object.values(type.getFields()).filter((field) => {
    const isWanted = !SECRET.test(field.name) || PAGE.test(field.name);
    return isWanted && typeof field.deprecationReason !== 'string' && !field.args.some(isRequiredArgument);
  });
}

/** What gives access to something is given to nobody who has not asked for it. */
const SECRET = /secret|password|token|api_?key/i;
const PAGE = /page|next|prev|cursor|continu|sync/i;

const fieldOf = (type: GraphQLCompositeType, name: string): Field | undefined =>
  isUnionType(type) ? undefined : type.getFields()[name];

const isLeaf = (field: Field | undefined): boolean => field !== undefined && isLeafType(getNamedType(field.type));
