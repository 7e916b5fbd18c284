import type { ListName } from '../catalog/catalog-view.js';
import type { CatalogPage } from '../catalog/entry-list.js';

/** Under this key of `_meta` a list says how each member was when it was last used or tried. */
const META_MEMBERS = 'io.mcp-composer/members';

interface ListFields {
  readonly list: ListName;
  readonly page: CatalogPage;
  readonly outcomes: Readonly<Record<string, string>>;
  readonly meta?: object;
  /** What the era wants besides. */
  readonly more?: object;
}

/** The result of a list as JSON text; the definitions go as they are kept. */
export function listResult({ list, page, outcomes, meta = {}, more = {} }: ListFields): Buffer[] {
  const { definitions, nextCursor } = page;
  const rest = {
    ...more,
    ...(nextCursor === undefined ? {} : { nextCursor }),
    _meta: { ...meta, [META_MEMBERS]: outcomes },
  };
  return [Buffer.from(`{"${list}":[`), definitions, Buffer.from(`],${JSON.stringify(rest).slice(1)}`)];
}
