import fc from 'fast-check';
import { type GeneratedBody, bodies } from './body-questions.js';
import type { PlacedValues } from './request-oracle.js';
import { type Kind, type Place, SCHEMAS, valuesOf } from './value-questions.js';

/** An operation in a document of its own, and sets of arguments for it. */
export interface GeneratedOperation {
  readonly document: object;
  readonly method: string;
  readonly path: string;
  readonly sets: readonly PlacedValues[];
}

interface GeneratedParameter {
  readonly declared: object;
  readonly overridden?: object;
  readonly place: Place;
  readonly kind: Kind;
  readonly name: string;
  readonly isRequired: boolean;
  /** Declared by the path item for all of its operations. */
  readonly isShared: boolean;
  readonly values: fc.Arbitrary<unknown>;
}

/** The styles of each place with the kinds that they are defined for (OpenAPI 3.1.1, 4.8.12.6). */
const STYLES: Readonly<Record<Place, readonly (readonly [style: string | undefined, kinds: readonly Kind[]])[]>> = {
  path: [undefined, 'simple', 'label', 'matrix'].map((style) => [style, ['text', 'number', 'flag', 'list', 'object']]),
  query: [
    [undefined, ['text', 'number', 'flag', 'list', 'object']],
    ['form', ['text', 'number', 'flag', 'list', 'object']],
    ['spaceDelimited', ['list', 'object']],
    ['pipeDelimited', ['list', 'object']],
    ['deepObject', ['list', 'object', 'deep']],
  ],
  header: [undefined, 'simple'].map((style) => [style, ['text', 'number', 'flag', 'list', 'object']]),
  cookie: [undefined, 'form'].map((style) => [style, ['text', 'number', 'flag', 'list', 'object']]),
};

const NAMES: Readonly<Record<Place, readonly string[]>> = {
  path: ['id', 'item-id', 'a_b'],
  query: ['id', 'q', 'filter[x]', 'ids[]', 'sort.by'],
  header: ['id', 'X-Thing', 'X-Request-Id'],
  cookie: ['id', 'session_hint', 'c.d'],
};

const explodes = fc.constantFrom(undefined, true, false);
const given = (members: object): object =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));

const parameterIn = (place: Place): fc.Arbitrary<GeneratedParameter> =>
  fc
    .record({
      name: fc.constantFrom(...NAMES[place]),
      style: fc.constantFrom(...STYLES[place]),
      kind: fc.nat(),
      explode: explodes,
      isRequired: place === 'path' ? fc.constant(true) : fc.boolean(),
      isContent: fc.nat(7).map((turn) => turn === 0),
      isReserved: place === 'query' ? fc.nat(3).map((turn) => turn === 0) : fc.constant(false),
      isOverridden: fc.nat(5).map((turn) => turn === 0),
      isShared: fc.boolean(),
    })
    .map(({ name, style: [style, kinds], kind: turn, explode, isRequired, isContent, isReserved, ...more }) => {
      const kind = kinds[turn % kinds.length]!;
      const isUntold = style === 'deepObject' && kind === 'list' && isRequired;
      const schema = isUntold ? { anyOf: [SCHEMAS.list, SCHEMAS.text] } : SCHEMAS[kind];
      const form = isContent
        ? { content: { 'application/json': { schema } } }
        : given({ style, explode, schema, allowReserved: isReserved || undefined });
      const declared = { name, in: place, required: isRequired, ...form };
      const other = { name, in: place, required: true, style: place === 'path' ? 'matrix' : undefined, schema: {} };
      return {
        ...{ declared, place, kind, name, isRequired, isShared: more.isShared },
        ...(more.isOverridden && { overridden: given(other) }),
        values: valuesOf(kind, place),
      };
    });

const isExploded = ({ place, kind }: GeneratedParameter): boolean => place === 'query' && kind === 'object';

const parameters = fc
  .tuple(
    ...(['path', 'query', 'header', 'cookie'] as const).map((place) =>
      fc.uniqueArray(parameterIn(place), { maxLength: place === 'query' ? 3 : 2, selector: ({ name }) => name }),
    ),
  )
  .map((places) => places.flat())
  // Members of two objects may have one name, and which comes first is nobody's to say.
  .map((all) => all.filter((one, at) => !isExploded(one) || all.findIndex(isExploded) === at));

const operations = fc.record({
  parameters,
  body: bodies,
  verb: fc.constantFrom('POST', 'PUT', 'PATCH', 'DELETE', 'GET'),
});

/** Operations of every shape that the specification defines, each with so many sets of arguments. */
export const generatedOperations = (setsOfEach: number): fc.Arbitrary<GeneratedOperation> =>
  operations.chain(({ parameters: all, body, verb }) => {
    const inPath = all.filter(({ place }) => place === 'path');
    const path = `/things${inPath.map(({ name }, at) => (at === 0 ? `/{${name}}` : `/and-{${name}}.json`)).join('')}`;
    const method = verb;
    const shared = all.flatMap(({ isShared, declared, overridden }) => overridden ?? (isShared ? declared : []));
    const own = all.filter(({ isShared, overridden }) => overridden !== undefined || !isShared);
    const operation = {
      parameters: own.map(({ declared }) => declared),
      ...(body.requestBody && { requestBody: body.requestBody }),
      responses: { 200: { description: 'fine' } },
    };
    const document = {
      openapi: '3.1.0',
      info: { title: 'generated', version: '1' },
      paths: { [path]: { parameters: shared, [method.toLowerCase()]: operation } },
    };
    return fc
      .array(valuesFor(all, body), { minLength: setsOfEach, maxLength: setsOfEach })
      .map((sets) => ({ document, method, path, sets }));
  });

function valuesFor(all: readonly GeneratedParameter[], body: GeneratedBody): fc.Arbitrary<PlacedValues> {
  const inPlace = (place: Place): fc.Arbitrary<Record<string, unknown>> =>
    fc.record(
      Object.fromEntries(
        all
          .filter((parameter) => parameter.place === place)
          .map(({ name, isRequired, values }) => [name, isRequired ? values : fc.option(values, { nil: undefined })]),
      ),
    );
  return fc.record({
    path: inPlace('path'),
    query: inPlace('query'),
    header: inPlace('header'),
    cookie: inPlace('cookie'),
    body: body.values,
  });
}
