import {
  type DefinitionNode,
  type DocumentNode,
  type FragmentDefinitionNode,
  GraphQLError,
  Kind,
  Lexer,
  type OperationDefinitionNode,
  Source,
  TokenKind,
  parse,
} from 'graphql';
import { InvalidOperationError, OperationLimitError } from './graphql.errors.js';

/** What reading an operation may cost, whatever it asks for. The parser recurses, so depth is bounded before it. */
export const TEXT_LIMITS = { maxTokens: 10_000, maxNesting: 128 };

const OPENS: ReadonlySet<string> = new Set([TokenKind.BRACE_L, TokenKind.PAREN_L, TokenKind.BRACKET_L]);
const CLOSES: ReadonlySet<string> = new Set([TokenKind.BRACE_R, TokenKind.PAREN_R, TokenKind.BRACKET_R]);

/** Operations and the fragments that they use. */
export interface ParsedOperation extends DocumentNode {
  readonly definitions: readonly (OperationDefinitionNode | FragmentDefinitionNode)[];
}

/**
 * Reads a document of operations and fragments.
 *
 * @throws InvalidOperationError with the place of a fault; OperationLimitError if it is beyond `TEXT_LIMITS`
 */
export function parseOperation(text: string): ParsedOperation {
  try {
    boundTokens(text);
    const { definitions, ...document } = parse(text, { noLocation: true });
    if (definitions.every(isExecutable)) return { ...document, definitions };
  } catch (error) {
    if (error instanceof GraphQLError) throw new InvalidOperationError(toldWithPlace(error));
    throw error;
  }
  throw new InvalidOperationError('it may hold operations and fragments alone, and no definitions of types');
}

function isExecutable(node: DefinitionNode): node is OperationDefinitionNode | FragmentDefinitionNode {
  return node.kind === Kind.OPERATION_DEFINITION || node.kind === Kind.FRAGMENT_DEFINITION;
}

function boundTokens(text: string): void {
  const lexer = new Lexer(new Source(text));
  const { maxTokens, maxNesting } = TEXT_LIMITS;
  let nesting = 0;
  for (let count = 0; lexer.advance().kind !== TokenKind.EOF; count++) {
    const { kind } = lexer.token;
    if (count >= maxTokens) throw new OperationLimitError('number of tokens', count + 1, maxTokens);
    if (OPENS.has(kind) && ++nesting > maxNesting) throw new OperationLimitError('nesting', nesting, maxNesting);
    if (CLOSES.has(kind)) nesting--;
  }
}

function toldWithPlace({ message, locations }: GraphQLError): string {
  const [place] = locations ?? [];
  return place ? `${message} (line ${place.line}, column ${place.column})` : message;
}
