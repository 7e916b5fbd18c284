import type { Fault } from '#kernel';
import type { RequestTool } from '../members/request-tool-call.js';
import { InvalidArgumentsError, type OperationRequest, type OperationResponse } from '../openapi/index.js';
import { graphqlResult } from './graphql-answer.js';
import type { GraphqlEndpoint } from './graphql-endpoint.js';
import type { GraphqlOperation } from './graphql-operation.js';
import { type OperationLimits, enforceLimits } from './operation-limits.js';
import { type ParsedOperation, parseOperation } from './parse-operation.js';
import { checkSelection, readSelection } from './selection-argument.js';
import type { TypeExcerpt } from './type-excerpt.js';

export interface OperationToolParts {
  readonly endpoint: GraphqlEndpoint;
  readonly limits: OperationLimits;
  readonly types: TypeExcerpt;
}

/** Unknown arguments that are named. */
const MAX_UNKNOWN = 20;

/** A tool that sends one operation. Its arguments are sent as variables, never as a part of the text. */
export class OperationTool implements RequestTool {
  /** Of the operation as it is sent unless the caller selects fields. */
  private parsed: ParsedOperation | undefined;

  constructor(
    private readonly operation: GraphqlOperation,
    private readonly parts: OperationToolParts,
  ) {}

  requestFor(args: Readonly<Record<string, unknown>>): OperationRequest {
    const { name, select } = this.operation;
    const faults = faultsOf(args, this.operation);
    if (faults.length > 0) throw new InvalidArgumentsError(name, faults);
    const chosen = select ? args[select.argument] : undefined;
    const given = this.operation.variables.filter((variable) => args[variable] !== undefined);
    const variables = Object.fromEntries(given.map((variable) => [variable, args[variable]]));
    const text = typeof chosen === 'string' ? this.selecting(chosen) : this.textWith(this.operation.selection);
    const parsed = typeof chosen === 'string' ? parseOperation(text) : (this.parsed ??= parseOperation(text));
    enforceLimits(parsed, variables, this.parts.limits);
    if (select && typeof chosen === 'string') checkSelection(parsed, select.root, this.parts.types);
    return this.parts.endpoint.post(text, given.length > 0 ? variables : undefined);
  }

  resultOf(answer: OperationResponse): object {
    return graphqlResult(answer, this.parts.endpoint.mask);
  }

  private selecting(chosen: string): string {
    return this.textWith(readSelection(chosen));
  }

  private textWith(selection: string): string {
    const { head, tail } = this.operation;
    return selection === '' ? head + tail : `${head} ${selection}${tail}`;
  }
}

function faultsOf(
  args: Readonly<Record<string, unknown>>,
  { variables, required, select }: GraphqlOperation,
): readonly Fault[] {
  const isKnown = (name: string): boolean => variables.includes(name) || name === select?.argument;
  const unknown = Object.keys(args)
    .filter((name) => !isKnown(name))
    .slice(0, MAX_UNKNOWN)
    .map((name) => ({ path: name.slice(0, 64), message: 'is not an argument of this tool' }));
  const missing = required
    .filter((name) => args[name] === undefined || args[name] === null)
    .map((name) => ({ path: name, message: 'is missing' }));
  const chosen = select ? args[select.argument] : undefined;
  const isWrong = chosen !== undefined && chosen !== null && typeof chosen !== 'string';
  return [
    ...unknown,
    ...missing,
    ...(isWrong && select ? [{ path: select.argument, message: 'must be a GraphQL text' }] : []),
  ];
}
