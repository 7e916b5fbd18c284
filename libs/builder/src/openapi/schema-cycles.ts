import { type JsonObject, isObject } from '#kernel';
import { listOf, memberOf, textOf } from './json-reader.js';

/** Keywords that apply their schemas to the very value that the schema itself is applied to. */
const IN_PLACE_LISTS = ['allOf', 'anyOf', 'oneOf'];
const IN_PLACE = ['not', 'if', 'then', 'else'];

/**
 * Takes the endless loops out of a tool's definitions: a schema that, without going into any property or item, leads
 * back to itself makes validators recurse until they fail. Specifications are full of them (`Pet` is one of `Cat`
 * and `Dog`, each of which is all of `Pet`). The reference that closes a loop is removed, in place.
 *
 * @returns whether there was one
 */
export function breakInPlaceCycles(definitions: Readonly<Record<string, JsonObject>>): boolean {
  const state = new Map<string, 'open' | 'done'>();
  let isBroken = false;
  for (const start of Object.keys(definitions)) {
    const path = state.has(start) ? [] : [enter(start)];
    for (let place = path.at(-1); place; place = path.at(-1)) {
      const reference = place.references.pop();
      const target = reference?.$ref.slice(PREFIX.length);
      if (target === undefined) {
        state.set(place.name, 'done');
        path.pop();
      } else if (state.get(target) === 'open') {
        delete (reference as Partial<Reference>).$ref;
        isBroken = true;
      } else if (!state.has(target)) path.push(enter(target));
    }
  }
  return isBroken;

  function enter(name: string): { name: string; references: Reference[] } {
    state.set(name, 'open');
    return { name, references: inPlaceReferences(definitions[name]) };
  }
}

interface Reference {
  $ref: string;
}

const PREFIX = '#/$defs/';

function inPlaceReferences(schema: unknown): Reference[] {
  if (!isObject(schema)) return [];
  const own = textOf(schema, '$ref')?.startsWith(PREFIX) ? [schema as unknown as Reference] : [];
  const below = [
    ...IN_PLACE_LISTS.flatMap((keyword) => listOf(schema, keyword)),
    ...IN_PLACE.map((keyword) => memberOf(schema, keyword)),
  ];
  return [...own, ...below.flatMap(inPlaceReferences)];
}
