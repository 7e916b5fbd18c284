import {
  type DefinitionNode,
  type FieldDefinitionNode,
  type InputValueDefinitionNode,
  Kind,
  type SelectionNode,
  type SelectionSetNode,
  type TypeNode,
  visit,
} from 'graphql';

/** The definition of a type by its name; `undefined`: there is none, or it is a part of the language. */
export type DefinitionOf = (type: string) => DefinitionNode | undefined;

/** Follows a selection through the types of a schema, and keeps what it comes by. */
export class SelectedTypes {
  /** Names of fields by type. */
  private readonly fields = new Map<string, Set<string>>();
  private readonly conditions = new Set<string>();

  constructor(private readonly definitionOf: DefinitionOf) {}

  /** Types that the selection narrows others to. */
  get narrowed(): ReadonlySet<string> {
    return this.conditions;
  }

  /** Follows what is selected of a type. Recurses as deep as the selection nests. */
  follow(type: string, { selections }: SelectionSetNode): void {
    this.fieldsOf(type);
    for (const node of selections) this.followOne(type, node);
  }

  /** The types that were come by, without what was not, and the types of their arguments. */
  definitions(selection: SelectionSetNode): ReadonlyMap<string, DefinitionNode> {
    const definitions = new Map<string, DefinitionNode>();
    const inputs: string[] = [];
    for (const [name, fields] of this.fields) {
      const definition = this.definitionOf(name);
      if (!definition) continue;
      const part = this.partOf(definition, fields);
      definitions.set(name, part);
      inputs.push(...argumentTypes(part));
    }
    const given = objectFields(selection);
    for (let name = inputs.pop(); name !== undefined; name = inputs.pop()) {
      const definition = definitions.has(name) ? undefined : this.definitionOf(name);
      if (!definition) continue;
      const part = inputPart(definition, given);
      definitions.set(name, part);
      if (part.kind === Kind.INPUT_OBJECT_TYPE_DEFINITION) {
        inputs.push(...(part.fields ?? []).map((field) => nameOf(field.type)));
      }
    }
    return definitions;
  }

  private followOne(type: string, node: SelectionNode): void {
    if (node.kind === Kind.INLINE_FRAGMENT) {
      const narrowed = node.typeCondition?.name.value ?? type;
      this.conditions.add(narrowed);
      return this.follow(narrowed, node.selectionSet);
    }
    // Fragments with names stand outside of a selection, where nothing is read.
    if (node.kind !== Kind.FIELD) return;
    const name = node.name.value;
    this.fieldsOf(type).add(name);
    const field = fieldsIn(this.definitionOf(type)).find((one) => one.name.value === name);
    if (!field) return;
    const inner = nameOf(field.type);
    this.fieldsOf(inner);
    if (node.selectionSet) this.follow(inner, node.selectionSet);
  }

  private fieldsOf(type: string): Set<string> {
    const fields = this.fields.get(type) ?? new Set();
    this.fields.set(type, fields);
    return fields;
  }

  private partOf(definition: DefinitionNode, fields: ReadonlySet<string>): DefinitionNode {
    if (!hasFields(definition)) return definition;
    return {
      ...definition,
      interfaces: (definition.interfaces ?? []).filter((type) => this.fields.has(nameOf(type))),
      fields: fieldsIn(definition).filter(({ name }) => fields.has(name.value)),
    };
  }
}

const hasFields = (definition: DefinitionNode) =>
  definition.kind === Kind.OBJECT_TYPE_DEFINITION || definition.kind === Kind.INTERFACE_TYPE_DEFINITION;

function fieldsIn(definition: DefinitionNode | undefined): readonly FieldDefinitionNode[] {
  return definition && hasFields(definition) ? (definition.fields ?? []) : [];
}

function argumentTypes(definition: DefinitionNode): readonly string[] {
  return fieldsIn(definition).flatMap(({ arguments: args = [] }) => args.map(({ type }) => nameOf(type)));
}

/** What is not given is looked at only if it has to be: some services have input objects that lead to all others. */
function inputPart(definition: DefinitionNode, given: ReadonlySet<string>): DefinitionNode {
  if (definition.kind !== Kind.INPUT_OBJECT_TYPE_DEFINITION) return definition;
  const isNeeded = ({ name, type }: InputValueDefinitionNode) =>
    given.has(name.value) || type.kind === Kind.NON_NULL_TYPE;
  return { ...definition, fields: (definition.fields ?? []).filter(isNeeded) };
}

function objectFields(selection: SelectionSetNode): ReadonlySet<string> {
  const names = new Set<string>();
  visit(selection, { ObjectField: ({ name }) => void names.add(name.value) });
  return names;
}

function nameOf(type: TypeNode): string {
  let inner = type;
  while (inner.kind !== Kind.NAMED_TYPE) inner = inner.type;
  return inner.name.value;
}
