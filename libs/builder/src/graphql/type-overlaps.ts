import { type DefinitionNode, Kind, type NamedTypeNode, type ObjectTypeDefinitionNode } from 'graphql';
import type { TypeText } from './type-texts.js';

/**
 * The definitions of an excerpt, complete in what its rules ask of interfaces and unions: for which object types they
 * stand, and which of them overlap (GraphQL, 5.5.2.3). Of hundreds of types that only say that two overlap, one is enough.
 *
 * @param abstract the interfaces and unions among them
 * @param names what the selection names: whatever overlaps with something else is among them
 */
export function withOverlaps(
  definitions: ReadonlyMap<string, DefinitionNode>,
  abstract: readonly TypeText[],
  names: ReadonlySet<string>,
): readonly DefinitionNode[] {
  const possible = new Map(abstract.map((text) => [text.name, new Set(text.possible)]));
  const witnesses = new Set<string>();
  const isThere = (type: string): boolean => definitions.has(type) || witnesses.has(type);
  for (const one of names) {
    const ofOne = possible.get(one);
    if (!ofOne) continue;
    for (const [other, ofOther] of possible) {
      if (other === one) continue;
      const common = [...ofOne].filter((type) => ofOther.has(type));
      const [first] = common;
      if (first !== undefined && !common.some(isThere)) witnesses.add(first);
    }
  }
  const whole = [...definitions].map(([name, definition]) => {
    if (definition.kind !== Kind.UNION_TYPE_DEFINITION) return definition;
    return { ...definition, types: [...possible.get(name)!].filter(isThere).map(named) };
  });
  const interfaces = [...possible].filter(([name]) => definitions.get(name)?.kind === Kind.INTERFACE_TYPE_DEFINITION);
  const shells = [...witnesses].map((type): ObjectTypeDefinitionNode => {
    const own = interfaces.filter(([, types]) => types.has(type)).map(([name]) => named(name));
    return { kind: Kind.OBJECT_TYPE_DEFINITION, name: { kind: Kind.NAME, value: type }, interfaces: own };
  });
  return [...whole, ...shells];
}

const named = (value: string): NamedTypeNode => ({ kind: Kind.NAMED_TYPE, name: { kind: Kind.NAME, value } });
