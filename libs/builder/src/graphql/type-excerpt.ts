import {
  type DefinitionNode,
  type FieldDefinitionNode,
  type GraphQLSchema,
  type InputValueDefinitionNode,
  Kind,
  OperationTypeNode,
  type TypeNode,
  buildASTSchema,
  parse,
} from 'graphql';
import type { TypeText } from './type-texts.js';

const ROOT = '_Root_';
const OPTIONS = { assumeValid: true, assumeValidSDL: true };
const MAX_KEPT = 2_000;

/**
 * Builds small schemas out of a large one: only what a selection names, and what that needs. To build all of it would
 * take longer than the event loop may stand still, and most of it is never asked about.
 */
export class TypeExcerpt {
  private readonly texts: ReadonlyMap<string, TypeText>;
  private readonly parsed = new Map<string, DefinitionNode>();

  constructor(texts: readonly TypeText[]) {
    this.texts = new Map(texts.map((text) => [text.name, text]));
  }

  /**
   * The schema in which whatever names nothing but `names` is as right or wrong as in the whole one.
   *
   * @param root the one field of its query type, in SDL
   * @param names of fields and types
   */
  schemaFor(root: string, names: ReadonlySet<string>): GraphQLSchema {
    const [query] = parse(`type ${ROOT}{${root}}`, { noLocation: true }).definitions;
    const definitions = new Map<string, DefinitionNode>([[ROOT, query!]]);
    const pending = [...referencesOf(query!), ...names];
    const abstract: TypeText[] = [];
    for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
      const text = definitions.has(name) ? undefined : this.texts.get(name);
      if (!text) continue;
      const definition = pruned(this.definitionOf(text), names);
      definitions.set(name, definition);
      pending.push(...referencesOf(definition));
      if (text.possible) abstract.push(text);
    }
    return buildASTSchema(
      {
        kind: Kind.DOCUMENT,
        definitions: [...definitions.values(), ...shellsFor(abstract, definitions), SCHEMA],
      },
      OPTIONS,
    );
  }

  private definitionOf({ name, sdl }: TypeText): DefinitionNode {
    const known = this.parsed.get(name);
    if (known) return known;
    const [definition] = parse(sdl, { noLocation: true }).definitions;
    if (this.parsed.size >= MAX_KEPT) this.parsed.clear();
    this.parsed.set(name, definition!);
    return definition!;
  }
}

const SCHEMA: DefinitionNode = {
  kind: Kind.SCHEMA_DEFINITION,
  operationTypes: [
    {
      kind: Kind.OPERATION_TYPE_DEFINITION,
      operation: OperationTypeNode.QUERY,
      type: { kind: Kind.NAMED_TYPE, name: { kind: Kind.NAME, value: ROOT } },
    },
  ],
};

function pruned(definition: DefinitionNode, names: ReadonlySet<string>): DefinitionNode {
  switch (definition.kind) {
    case Kind.OBJECT_TYPE_DEFINITION:
    case Kind.INTERFACE_TYPE_DEFINITION:
      return { ...definition, fields: definition.fields?.filter(({ name }) => names.has(name.value)) ?? [] };
    case Kind.INPUT_OBJECT_TYPE_DEFINITION: {
      // Some services have input objects that lead to all others.
      const isNeeded = ({ name, type }: InputValueDefinitionNode) =>
        names.has(name.value) || type.kind === Kind.NON_NULL_TYPE;
      return { ...definition, fields: definition.fields?.filter(isNeeded) ?? [] };
    }
    default:
      return definition;
  }
}

/** Object types that nobody names still say which interfaces overlap. */
function shellsFor(
  abstract: readonly TypeText[],
  known: ReadonlyMap<string, DefinitionNode>,
): readonly DefinitionNode[] {
  const interfaces = new Map<string, string[]>();
  for (const { name, possible = [] } of abstract) {
    for (const type of possible) if (!known.has(type)) interfaces.set(type, [...(interfaces.get(type) ?? []), name]);
  }
  return [...interfaces].map(([type, names]) => ({
    kind: Kind.OBJECT_TYPE_DEFINITION,
    name: { kind: Kind.NAME, value: type },
    interfaces: names.map((value) => ({ kind: Kind.NAMED_TYPE, name: { kind: Kind.NAME, value } })),
    fields: [],
  }));
}

function referencesOf(definition: DefinitionNode): readonly string[] {
  switch (definition.kind) {
    case Kind.OBJECT_TYPE_DEFINITION:
    case Kind.INTERFACE_TYPE_DEFINITION:
      return [...(definition.interfaces ?? []).map(nameOf), ...(definition.fields ?? []).flatMap(namedInField)];
    case Kind.INPUT_OBJECT_TYPE_DEFINITION:
      return (definition.fields ?? []).map(({ type }) => nameOf(type));
    case Kind.UNION_TYPE_DEFINITION:
      return (definition.types ?? []).map(nameOf);
    default:
      return [];
  }
}

const namedInField = ({ type, arguments: args = [] }: FieldDefinitionNode): readonly string[] => [
  nameOf(type),
  ...args.map((argument) => nameOf(argument.type)),
];

function nameOf(type: TypeNode): string {
  let inner = type;
  while (inner.kind !== Kind.NAMED_TYPE) inner = inner.type;
  return inner.name.value;
}
