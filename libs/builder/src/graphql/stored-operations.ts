import {
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
  OperationTypeNode,
  type VariableDefinitionNode,
  isInputType,
  print,
  specifiedScalarTypes,
  typeFromAST,
  validate,
  valueFromASTUntyped,
  GraphQLSchema as Schema,
} from 'graphql';
import { ComposerError, type Fault } from '#kernel';
import type { GraphqlServerConfig } from '#registry';
import { plainText } from '../openapi/plain-text.js';
import type { ToolNames } from '../openapi/tool-names.js';
import { type ToolArgument, argumentSchema } from './argument-schema.js';
import { type GraphqlOperation, type UnnamedOperation, annotationsOf, named } from './graphql-operation.js';
import { InvalidOperationError } from './graphql.errors.js';
import { sizeOf } from './operation-limits.js';
import { parseOperation } from './parse-operation.js';

export type StoredOperation = GraphqlServerConfig['graphql']['operations'][number];

const MAX_DESCRIPTION = 4_096;
const MAX_NAME = 56;
/** The types of arguments that are known without a schema. */
const BUILT_IN = new Schema({ types: specifiedScalarTypes, assumeValid: true });

/**
 * An operation for each stored document, and the faults of those that are none.
 *
 * @param schema what they have to fit; without one only their grammar is looked at, and other types than the built-in ones
 *   are anything
 */
export function storedOperations(
  stored: readonly StoredOperation[],
  names: ToolNames,
  schema?: GraphQLSchema,
): { readonly operations: readonly GraphqlOperation[]; readonly faults: readonly Fault[] } {
  const operations: GraphqlOperation[] = [];
  const faults: Fault[] = [];
  const taken = new Set<string>();
  stored.forEach((given, at) => {
    const isText = typeof given === 'string';
    const path = `graphql.operations.${at}${isText ? '' : '.query'}`;
    try {
      const operation = operationOf(isText ? { query: given } : given, schema);
      const { name } = operation.tool;
      if (taken.has(name)) throw new InvalidOperationError(`another operation is named ${name}`);
      taken.add(name);
      operations.push(named(operation, names.take(name)));
    } catch (error) {
      if (!(error instanceof ComposerError)) throw error;
      faults.push({ path, message: error.message });
    }
  });
  return { operations, faults };
}

interface Given {
  readonly name?: string;
  readonly query: string;
  readonly description?: string | undefined;
}

function operationOf({ name, query, description }: Given, schema: GraphQLSchema | undefined): UnnamedOperation {
  const document = parseOperation(query);
  const [operation, another] = document.definitions.filter(isOperation);
  if (!operation || another) throw new InvalidOperationError('it has to hold one operation');
  // Cycles and subscriptions are told apart from what a schema says.
  sizeOf(document);
  const called = name ?? operation.name?.value;
  if (called === undefined) throw new InvalidOperationError('its operation has no name: name it, or give "name"');
  const [fault] = schema ? validate(schema, document, undefined, { maxErrors: 1 }) : [];
  if (fault) throw new InvalidOperationError(fault.message);
  const kind = operation.operation === OperationTypeNode.MUTATION ? 'mutation' : 'query';
  const args = (operation.variableDefinitions ?? []).map((definition) => argumentOf(definition, schema ?? BUILT_IN));
  return {
    tool: {
      name: called.slice(0, MAX_NAME),
      description: plainText(description ?? `The stored GraphQL ${kind} ${called}.`, MAX_DESCRIPTION),
      inputSchema: argumentSchema(args),
      annotations: annotationsOf(kind),
    },
    operation: `stored ${called.slice(0, MAX_NAME)}`,
    head: query,
    selection: '',
    tail: '',
    variables: args.map((argument) => argument.name),
    required: args.filter(({ isRequired }) => isRequired).map((argument) => argument.name),
  };
}

const isOperation = (node: { readonly kind: Kind }): node is OperationDefinitionNode =>
  node.kind === Kind.OPERATION_DEFINITION;

function argumentOf({ variable, type, defaultValue }: VariableDefinitionNode, schema: GraphQLSchema): ToolArgument {
  const known = typeFromAST(schema, type as never);
  const isKnown = known !== undefined && isInputType(known);
  return {
    name: variable.name.value,
    type: isKnown ? known : undefined,
    isRequired: type.kind === Kind.NON_NULL_TYPE && defaultValue === undefined,
    description: isKnown ? undefined : `GraphQL type ${print(type)}`,
    default: defaultValue ? valueFromASTUntyped(defaultValue) : undefined,
  };
}
