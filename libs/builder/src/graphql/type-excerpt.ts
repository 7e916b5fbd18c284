import {
  type DefinitionNode,
  type GraphQLSchema,
  Kind,
  OperationTypeNode,
  type SelectionSetNode,
  buildASTSchema,
  parse,
} from 'graphql';
import { SelectedTypes } from './selected-types.js';
import { withOverlaps } from './type-overlaps.js';
import type { TypeText } from './type-texts.js';

const ROOT = '_Root_';
const OPTIONS = { assumeValid: true, assumeValidSDL: true };
/** Definitions that are kept read: those of a few selections. */
const MAX_KEPT = 100;

/**
 * Builds small schemas out of a large one: only what a selection comes by, and what that needs. To build all of it would
 * take longer than the event loop may stand still, and most of it is never asked about.
 */
export class TypeExcerpt {
  private readonly texts: ReadonlyMap<string, TypeText>;
  private readonly parsed = new Map<string, DefinitionNode>();

  constructor(texts: readonly TypeText[]) {
    this.texts = new Map(texts.map((text) => [text.name, text]));
  }

  /**
   * The schema in which a selection without named fragments is as right or wrong as in the whole one.
   *
   * @param root the one field of its query type, in SDL
   * @param selection of the query type
   */
  schemaFor(root: string, selection: SelectionSetNode): GraphQLSchema {
    const [query] = parse(`type ${ROOT}{${root}}`, { noLocation: true }).definitions;
    const selected = new SelectedTypes((type) => (type === ROOT ? query : this.definitionOf(type)));
    selected.follow(ROOT, selection);
    const definitions = selected.definitions(selection);
    const abstract = [...definitions.keys()].flatMap((name) => {
      const text = this.texts.get(name);
      return text?.possible ? [text] : [];
    });
    const all = withOverlaps(definitions, abstract, selected.narrowed);
    return buildASTSchema({ kind: Kind.DOCUMENT, definitions: [...all, SCHEMA] }, OPTIONS);
  }

  private definitionOf(name: string): DefinitionNode | undefined {
    const known = this.parsed.get(name);
    const text = known ? undefined : this.texts.get(name);
    if (!text) return known;
    const [definition] = parse(text.sdl, { noLocation: true }).definitions;
    if (this.parsed.size >= MAX_KEPT) this.parsed.clear();
    this.parsed.set(name, definition!);
    return definition;
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
