import {
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLSchema,
  KnownTypeNamesRule,
  getNamedType,
  isCompositeType,
  isNonNullType,
  isUnionType,
  parse,
  specifiedRules,
  validate,
} from 'graphql';
import type { JsonObject } from '#kernel';
import { cut, plainText } from '../openapi/plain-text.js';
import type { ToolNames } from '../openapi/tool-names.js';
import { argumentOf, argumentSchema } from './argument-schema.js';
import { defaultSelection } from './default-selection.js';
import { type GraphqlOperation, type UnnamedOperation, annotationsOf, named } from './graphql-operation.js';
import { statedText } from './stated-text.js';
import { fieldText } from './type-texts.js';

export interface SkippedField {
  /** As it stands in the schema: `Mutation.addUser`. */
  readonly field: string;
  readonly reason: string;
}

type Field = GraphQLField<unknown, unknown>;
type Kind = 'query' | 'mutation';

/** Cut of a tool's name before any suffix, as that of other tools. */
const MAX_NAME = 56;
const MAX_DESCRIPTION = 2_048;
const MAX_SHOWN = 512;

/** An operation for each field of the types of queries and mutations, and why there is none for the others. */
export function fieldOperations(
  schema: GraphQLSchema,
  names: ToolNames,
): { readonly operations: readonly GraphqlOperation[]; readonly skipped: readonly SkippedField[] } {
  const operations: GraphqlOperation[] = [];
  const skipped: SkippedField[] = [];
  const taken = new Set<string>();
  for (const [kind, type] of rootsOf(schema)) {
    for (const field of Object.values(type.getFields())) {
      const built = fieldOperation(schema, kind, field);
      if (typeof built === 'string') skipped.push({ field: `${type.name}.${field.name}`, reason: built });
      // Only services that read and write by the same name need to be told apart.
      else operations.push(named(built, names.take(nameOf(field.name, kind, taken))));
    }
  }
  const subscriptions = Object.values(schema.getSubscriptionType()?.getFields() ?? {});
  for (const { name } of subscriptions) {
    skipped.push({ field: `${schema.getSubscriptionType()!.name}.${name}`, reason: SUBSCRIPTION });
  }
  return { operations, skipped };
}

/** The types are those of the schema, and to look for them among all of them takes most of the time. */
const RULES = specifiedRules.filter((rule) => rule !== KnownTypeNamesRule);

const SUBSCRIPTION = 'it is a subscription, and a tool gives one answer';

function rootsOf(schema: GraphQLSchema): readonly (readonly [Kind, GraphQLObjectType])[] {
  const [query, mutation] = [schema.getQueryType(), schema.getMutationType()];
  return [...(query ? [['query', query] as const] : []), ...(mutation ? [['mutation', mutation] as const] : [])];
}

function nameOf(field: string, kind: Kind, taken: Set<string>): string {
  const name = field.slice(0, MAX_NAME);
  if (kind === 'mutation' && taken.has(name)) return `${name}_mutation`;
  taken.add(name);
  return name;
}

/** The operation, its name still that of the field; or why there is none. */
function fieldOperation(schema: GraphQLSchema, kind: Kind, field: Field): UnnamedOperation | string {
  const head = headOf(kind, field);
  const wanted = defaultSelection(field.type, schema);
  // What a schema with faults makes of its own types may still be asked for its name.
  const selections = wanted === '' ? [''] : [wanted, '{ __typename }'];
  const faults = selections.map((selection) => validate(schema, parse(`${head} ${selection} }`), RULES)[0]?.message);
  const selection = selections[faults.indexOf(undefined)];
  if (selection === undefined) return `its operation is not valid: ${faults.at(-1)}`;
  const select = wanted === '' ? undefined : freeName(field);
  const args = field.args.map(argumentOf);
  return {
    tool: {
      name: field.name,
      description: descriptionOf(kind, field),
      inputSchema: withSelect(argumentSchema(args), select, { field, selection }),
      annotations: annotationsOf(kind),
    },
    operation: `${kind} ${field.name}`,
    head,
    selection,
    tail: ' }',
    variables: args.map(({ name }) => name),
    required: args.filter(({ isRequired }) => isRequired).map(({ name }) => name),
    ...(select && { select: { argument: select, root: `${fieldText(field.name, field.args)}:${String(field.type)}` } }),
  };
}

function headOf(kind: Kind, { name, args }: Field): string {
  if (args.length === 0) return `${kind} { ${name}`;
  const variables = args.map((argument) => `$${argument.name}: ${variableType(argument)}`).join(', ');
  return `${kind} (${variables}) { ${name}(${args.map((argument) => `${argument.name}: $${argument.name}`).join(', ')})`;
}

/** What is left out has its default from the service, so that its variable need not be given (GraphQL, 5.8.5). */
function variableType({ type, defaultValue }: GraphQLArgument): string {
  return String(isNonNullType(type) && defaultValue !== undefined ? type.ofType : type);
}

function freeName({ args }: Field): string {
  let name = '_select';
  while (args.some((argument) => argument.name === name)) name = `_${name}`;
  return name;
}

function descriptionOf(kind: Kind, { name, type, description, deprecationReason }: Field): string {
  const said = statedText(description, MAX_DESCRIPTION);
  const deprecated =
    typeof deprecationReason === 'string' ? plainText(`Deprecated: ${deprecationReason}`, MAX_SHOWN) : '';
  const own = `The GraphQL ${kind} ${name}; gives ${String(type)}.`;
  return [said, deprecated, own].filter((text) => text !== '').join('\n');
}

/** Adds the argument that selects fields, and says what there is to select. */
function withSelect(
  schema: JsonObject,
  name: string | undefined,
  { field, selection }: { readonly field: Field; readonly selection: string },
): JsonObject {
  if (name === undefined) return schema;
  const type = getNamedType(field.type);
  const fields = isCompositeType(type) && !isUnionType(type) ? Object.values(type.getFields()) : [];
  const available = fields.map((inner) => inner.name + (inner.args.length > 0 ? '(…)' : '')).join(' ');
  const description =
    `GraphQL selection of ${type.name} in place of: ${cut(selection, MAX_SHOWN)}` +
    (available === '' ? '' : `. ${type.name} has: ${cut(available, MAX_SHOWN)}`);
  const properties = { ...(schema['properties'] as JsonObject), [name]: { type: 'string', description } };
  return { ...schema, properties };
}
