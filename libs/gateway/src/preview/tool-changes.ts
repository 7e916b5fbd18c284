import { isDeepStrictEqual } from 'node:util';
import type { CatalogEntry } from '../catalog/catalog-entry.js';

/** One of the tools that are compared. */
export interface ComparedTool {
  readonly entry: CatalogEntry;
  /** `METHOD /path`, where it is one. */
  readonly operation: string | undefined;
}

/** What would be different for clients from what they are offered now. */
export interface ToolChanges {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** `fields`: those of the definition that differ. */
  readonly changed: readonly { readonly name: string; readonly fields: readonly string[] }[];
  /** The same operation under another name. */
  readonly renamed: readonly {
    readonly from: string;
    readonly to: string;
    readonly operation: string;
    readonly fields: readonly string[];
  }[];
  readonly unchanged: number;
}

/** Definitions that are compared before other work gets its turn. */
const PORTION = 64;

/** Compares by name, and what has no counterpart by operation. */
export async function changesBetween(
  before: readonly ComparedTool[],
  after: readonly ComparedTool[],
): Promise<ToolChanges> {
  const old = new Map(before.map((tool) => [tool.entry.name, tool]));
  const names = new Set(after.map(({ entry }) => entry.name));
  const gone = before.filter(({ entry }) => !names.has(entry.name));
  const byOperation = new Map(gone.flatMap((tool) => (tool.operation === undefined ? [] : [[tool.operation, tool]])));
  const [added, changed, renamed] = [[] as string[], [] as { name: string; fields: string[] }[], [] as Renamed[]];
  let unchanged = 0;
  for (const [at, { entry, operation }] of after.entries()) {
    if (at % PORTION === PORTION - 1) await new Promise((resolve) => setImmediate(resolve));
    const { name } = entry;
    const same = old.get(name);
    const former = same ?? byOperation.get(operation ?? '');
    if (!former) added.push(name);
    else if (same) {
      const fields = fieldsApart(same.entry, entry);
      if (fields.length > 0) changed.push({ name, fields });
      else unchanged++;
    } else {
      byOperation.delete(operation!);
      const from = former.entry.name;
      renamed.push({ from, to: name, operation: operation!, fields: fieldsApart(former.entry, entry) });
    }
  }
  const kept = new Set(renamed.map(({ from }) => from));
  const removed = gone.map(({ entry }) => entry.name).filter((name) => !kept.has(name));
  return { added, removed, changed, renamed, unchanged };
}

interface Renamed {
  from: string;
  to: string;
  operation: string;
  fields: string[];
}

function fieldsApart(before: CatalogEntry, after: CatalogEntry): string[] {
  if (before.definition.equals(after.definition)) return [];
  const [old, now] = [before, after].map(({ definition }) => JSON.parse(definition.toString('utf8')) as Definition);
  const fields = new Set([...Object.keys(old!), ...Object.keys(now!)]);
  fields.delete('name');
  return [...fields].filter((field) => !isDeepStrictEqual(old![field], now![field])).sort();
}

type Definition = Readonly<Record<string, unknown>>;
