import type { JsonObject } from '#kernel';
import type { OperationAnnotations } from '../openapi/index.js';

/** How the caller of a tool may say which fields are wanted. */
export interface FieldSelection {
  /** Name among the tool's arguments; no argument of the field has it. */
  readonly argument: string;
  /** The field with its arguments and its type in SDL, to check selections against. */
  readonly root: string;
}

/**
 * Everything that is needed to offer a GraphQL operation as a tool and to send it, without the schema it came from. Plain
 * JSON: it is stored with the member and loaded at the next start.
 */
export interface GraphqlOperation {
  /** Unique within the member. */
  readonly name: string;
  /** What it is in the schema, or that it is stored: `query user`, `mutation addUser`, `stored Clock`. */
  readonly operation: string;
  /** The tool as JSON text, as members offer it: made where there is time for it. */
  readonly definition: string;
  /** The document up to where fields of the result are selected; the whole of it where they cannot be. */
  readonly head: string;
  /** The selection unless the caller names another; empty where there is none. */
  readonly selection: string;
  /** What closes the document. */
  readonly tail: string;
  /** Arguments, each the value of the variable with its name. */
  readonly variables: readonly string[];
  /** Of these, the ones that every call has to give. */
  readonly required: readonly string[];
  readonly select?: FieldSelection;
}

const QUERY = { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: true };
const MUTATION = { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: true };

/** GraphQL, 6.2: a query has no side effects; what a mutation does is not known. */
export const annotationsOf = (kind: 'query' | 'mutation'): OperationAnnotations =>
  kind === 'query' ? QUERY : MUTATION;

/** The same before its name is known to be free. */
export interface UnnamedOperation extends Omit<GraphqlOperation, 'name' | 'definition'> {
  readonly tool: {
    readonly name: string;
    readonly description: string;
    /** JSON Schema 2020-12, `type: object`. */
    readonly inputSchema: JsonObject;
    readonly annotations: OperationAnnotations;
  };
}

export function named({ tool, ...operation }: UnnamedOperation, name: string): GraphqlOperation {
  return { name, definition: JSON.stringify({ ...tool, name }), ...operation };
}
