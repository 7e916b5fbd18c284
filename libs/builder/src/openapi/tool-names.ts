import { textOf } from './json-reader.js';

/** Cut of a tool's name before any suffix; names live in clients' prompts and policies, so it never changes. */
const MAX_LENGTH = 56;

/**
 * The name of an operation's tool: `operationId` up to its first double underscore, else the summary, else method
 * and path, as a slug. Not yet unique; see `ToolNames`.
 */
export function toolName(operation: unknown, method: string, path: string): string {
  const byPlace = `${method}_${path}`;
  const operationId = textOf(operation, 'operationId');
  const said = operationId ? operationId.split('__')[0] : textOf(operation, 'summary');
  // An id of nothing but foreign letters leaves an empty slug, which no client accepts as a name.
  return (slug(said ?? '') || slug(byPlace)).slice(0, MAX_LENGTH);
}

function slug(text: string): string {
  return text
    .replace(/[\s\-.]+/g, '_')
    .replace(/[^a-zA-Z0-9_]/g, '')
    .replace(/_+/g, '_')
    .replace(/^_|_$/g, '');
}

/** Keeps the names of one member apart: the second `pets` is `pets_2`, the third `pets_3`. */
export class ToolNames {
  readonly #taken = new Set<string>();
  readonly #uses = new Map<string, number>();

  take(name: string): string {
    let count = (this.#uses.get(name) ?? 0) + 1;
    while (this.#taken.has(suffixed(name, count))) count++;
    this.#uses.set(name, count);
    const unique = suffixed(name, count);
    this.#taken.add(unique);
    return unique;
  }
}

const suffixed = (name: string, count: number): string => (count === 1 ? name : `${name}_${count}`);
