import type { CatalogPage } from '../catalog/catalog-view.js';
import type { Selection } from '../catalog/selection.js';

/** What a client may tell its model about the names that it finds. */
export function instructionsFor(selection: Selection): string {
  if (selection.kind === 'member') return 'MCP Composer offers the tools of one server here, under their own names.';
  const offers = 'MCP Composer offers the tools of several servers';
  const hasFullNames = selection.kind === 'everything' || selection.server.naming === 'prefix';
  return hasFullNames ? `${offers}; a name begins with the id of the server that carries it out.` : `${offers}.`;
}

/** Under this key of `_meta` a list says how each member was when it was last used or tried. */
const META_MEMBERS = 'io.mcp-composer/members';

/** The result of `tools/list` as JSON text; the definitions go as they are kept. */
export function listResult(
  { definitions, nextCursor }: CatalogPage,
  outcomes: Readonly<Record<string, string>>,
  { meta = {}, ...fields }: { readonly meta?: object; readonly [field: string]: unknown } = {},
): Buffer[] {
  const rest = {
    ...fields,
    ...(nextCursor === undefined ? {} : { nextCursor }),
    _meta: { ...meta, [META_MEMBERS]: outcomes },
  };
  return [Buffer.from('{"tools":['), definitions, Buffer.from(`],${JSON.stringify(rest).slice(1)}`)];
}
