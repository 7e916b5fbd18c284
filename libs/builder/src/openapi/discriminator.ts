import { entriesOf, memberOf, objectOf, textOf } from './json-reader.js';

/** On alternatives that were made here, whose reference has something beside it whatever the version says. */
export const MARKED = Symbol('discriminated');

/**
 * The alternatives of a schema, with what its discriminator says of them: a reference that the mapping names has the
 * mapped values beside it, since JSON Schema knows no discriminator (OpenAPI 3.1.1, 4.8.25). Others stay as they are.
 */
export function discriminated(schema: unknown, alternatives: readonly unknown[]): readonly unknown[] {
  const discriminator = objectOf(schema, 'discriminator');
  const name = textOf(discriminator, 'propertyName');
  const mapping = entriesOf(discriminator, 'mapping').slice(0, MAX_MAPPED);
  if (name === undefined || name === '__proto__' || mapping.length === 0) return alternatives;
  return alternatives.map((alternative) => {
    const ref = textOf(alternative, '$ref');
    const values = mapping.filter(([, target]) => ref !== undefined && isSame(target, ref)).map(([value]) => value);
    if (values.length === 0 || memberOf(alternative, 'properties') !== undefined) return alternative;
    return { ...(alternative as object), properties: { [name]: { enum: values } }, required: [name], [MARKED]: true };
  });
}

const MAX_MAPPED = 100;

/** A mapping holds references, and names of schemas. */
const isSame = (target: unknown, ref: string): boolean =>
  target === ref || (typeof target === 'string' && ref === `#/components/schemas/${target}`);
