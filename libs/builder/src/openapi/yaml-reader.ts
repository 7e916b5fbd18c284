import { type CST, Composer, type Document, Lexer, LineCounter, Parser } from 'yaml';
import { InvalidDocumentError } from './openapi.errors.js';
import type { RepeatedKeys } from './repeated-keys.js';
import { YamlValues } from './yaml-values.js';

// Keys are text as in JSON. Merge keys and equal ones are left to `YamlValues`: the library's own check compares every key
// with every other, which takes minutes for a large map, and its merging has no bound. Tags beyond YAML 1.2's own are
// refused below.
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
  /** Parts that the text may have, each a word, a sign, a space or an end of a line: they decide about time and memory. */
  readonly maxLexemes: number;
  /** Members that merge keys may copy. */
  readonly maxNodes: number;
}

/**
 * Reads one YAML 1.2 document with the core schema and the merge keys of YAML 1.1, which writers of documents rely on.
 * Nesting is checked while the library builds the syntax tree, which it does without recursion, so before anything
 * recursive runs. What aliases stand for is shared, not copied.
 *
 * @throws InvalidDocumentError with line and column, never with text of the document
 */
export function readYaml(text: string, limits: YamlLimits, repeated: RepeatedKeys): unknown {
  const lines = new LineCounter();
  const placeOf = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `in line ${line}, column ${col}`;
  };
  const { contents, errors, warnings } = composed(text, limits, lines);
  const problem = errors[0] ?? warnings[0];
  if (problem) {
    throw new InvalidDocumentError(`it is not YAML that can be read: ${problem.code} ${placeOf(problem.pos[0])}`);
  }
  return new YamlValues(limits.maxNodes, repeated, placeOf).of(contents);
}

// The syntax tree is as large as what is made of it; nothing holds it after this.
function composed(text: string, limits: YamlLimits, lines: LineCounter): Document {
  const documents = [...new Composer(OPTIONS).compose(readTokens(text, limits, lines))];
  const [first] = documents;
  if (!first || documents.length > 1) throw new InvalidDocumentError('it is not exactly one YAML document');
  return first;
}

// The parser keeps the open collections on a stack, so a bomb is seen as soon as it has opened too many.
function* readTokens(text: string, { maxDepth, maxLexemes }: YamlLimits, lines: LineCounter): Generator<CST.Token> {
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  let lexemes = 0;
  for (const lexeme of new Lexer().lex(text)) {
    if (++lexemes > maxLexemes) throw new InvalidDocumentError('it has too many parts for YAML; convert it to JSON');
    yield* parser.next(lexeme);
    if (parser.stack.length > maxDepth + DOCUMENT_AND_SCALAR) {
      throw new InvalidDocumentError(`it nests deeper than ${maxDepth} levels`);
    }
  }
  yield* parser.end();
}

/** What else may stand on the parser's stack. */
const DOCUMENT_AND_SCALAR = 2;
