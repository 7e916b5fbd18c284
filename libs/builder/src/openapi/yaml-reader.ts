import { type CST, Composer, Lexer, LineCounter, Parser } from 'yaml';
import { InvalidDocumentError } from './openapi.errors.js';

// Keys are text as in JSON, where the last of two equal keys wins: the library's own check compares every key with
// every other, which takes minutes for a large map. Tags beyond YAML 1.2's own are refused below.
const OPTIONS = {
  version: '1.2',
  schema: 'core',
  customTags: null,
  resolveKnownTags: false,
  merge: false,
  stringKeys: true,
  uniqueKeys: false,
  prettyErrors: false,
  logLevel: 'silent',
} as const;

export interface YamlLimits {
  readonly maxDepth: number;
  /** How often an anchor may be repeated; ends documents that grow by aliases of aliases. */
  readonly maxAliases: number;
}

/**
 * Reads one YAML 1.2 document with the core schema. Nesting is checked while the library builds the syntax tree, which
 * it does without recursion, so before anything recursive runs.
 *
 * @throws InvalidDocumentError with line and column, never with text of the document
 */
export function readYaml(text: string, { maxDepth, maxAliases }: YamlLimits): unknown {
  const lines = new LineCounter();
  const tokens = readTokens(text, lines, maxDepth);

  const documents = [...new Composer(OPTIONS).compose(tokens)];
  const [first] = documents;
  if (!first || documents.length > 1) throw new InvalidDocumentError('it is not exactly one YAML document');
  const problem = first.errors[0] ?? first.warnings[0];
  if (problem) {
    const { line, col } = lines.linePos(problem.pos[0]);
    throw new InvalidDocumentError(`it is not YAML that can be read: ${problem.code} in line ${line}, column ${col}`);
  }
  try {
    return first.toJS({ maxAliasCount: maxAliases });
  } catch (cause) {
    throw new InvalidDocumentError(`it repeats anchors more than ${maxAliases} times, or names an unknown one`, cause);
  }
}

// The parser keeps the open collections on a stack, so a bomb is seen as soon as it has opened too many.
function readTokens(text: string, lines: LineCounter, maxDepth: number): CST.Token[] {
  const parser = new Parser(lines.addNewLine);
  const tokens: CST.Token[] = [];
  lines.addNewLine(0);
  let lexemes = 0;
  for (const lexeme of new Lexer().lex(text)) {
    if (++lexemes > MAX_LEXEMES) throw new InvalidDocumentError('it has too many parts for YAML; convert it to JSON');
    tokens.push(...parser.next(lexeme));
    if (parser.stack.length > maxDepth + DOCUMENT_AND_SCALAR) {
      throw new InvalidDocumentError(`it nests deeper than ${maxDepth} levels`);
    }
  }
  return [...tokens, ...parser.end()];
}

/** Their number decides about the time that reading takes. A real document of 1 MiB has some 250,000. */
const MAX_LEXEMES = 400_000;

/** What else may stand on the parser's stack. */
const DOCUMENT_AND_SCALAR = 2;
