import {
  type DocumentNode,
  Kind,
  type OperationDefinitionNode,
  OperationTypeNode,
  OverlappingFieldsCanBeMergedRule,
  print,
  specifiedRules,
  validate,
} from 'graphql';
import { InvalidOperationError } from './graphql.errors.js';
import { type ParsedOperation, parseOperation } from './parse-operation.js';
import type { TypeExcerpt } from './type-excerpt.js';

/** Characters of a selection. */
const MAX_LENGTH = 16 * 1024;
/**
 * All rules but the one that compares every field with every other one of its name: that takes longer than the event loop
 * may stand still, and services look for it themselves.
 */
const RULES = specifiedRules.filter((rule) => rule !== OverlappingFieldsCanBeMergedRule);

/**
 * Reads what a caller selects: fields as they stand between the braces of a GraphQL selection, with or without them.
 *
 * @returns the selection as GraphQL that is nothing else
 * @throws InvalidOperationError or OperationLimitError
 */
export function readSelection(text: string): string {
  if (text.length > MAX_LENGTH) throw new InvalidOperationError(`it has more than ${MAX_LENGTH} characters`);
  const isWhole = /^\s*\{/.test(text);
  const { definitions } = parseOperation(isWhole ? text : `{${text}\n}`);
  const [operation, another] = definitions;
  // What closes the braces early would become a second operation.
  if (!operation || another || !isPlain(operation))
    throw new InvalidOperationError('it is not one selection of fields');
  return print(operation.selectionSet);
}

function isPlain(node: ParsedOperation['definitions'][number]): node is OperationDefinitionNode {
  return (
    node.kind === Kind.OPERATION_DEFINITION && node.operation === OperationTypeNode.QUERY && node.name === undefined
  );
}

/**
 * Checks the selection of an operation with one field against the types of the service; not whether two fields of it claim
 * one name, which the service says.
 *
 * @param root the field in SDL
 * @throws InvalidOperationError that says what is wrong
 */
export function checkSelection(document: ParsedOperation, root: string, types: TypeExcerpt): void {
  const query = asQuery(document);
  const [fault] = validate(types.schemaFor(root, query.selectionSet), documentOf(query), RULES, { maxErrors: 1 });
  if (fault) throw new InvalidOperationError(fault.message);
}

/** The root of an excerpt is a query, whatever the operation is: only what is selected is looked at. */
function asQuery({ definitions }: ParsedOperation): OperationDefinitionNode {
  const [operation] = definitions;
  if (operation?.kind !== Kind.OPERATION_DEFINITION)
    throw new InvalidOperationError('it is not one selection of fields');
  return { ...operation, operation: OperationTypeNode.QUERY };
}

const documentOf = (operation: OperationDefinitionNode): DocumentNode => ({
  kind: Kind.DOCUMENT,
  definitions: [operation],
});
