import fc from 'fast-check';
import { BODY_TEXTS, SCHEMAS, type Kind, valuesOf } from './value-questions.js';

/** A request body as a document has it, and values for it. */
export interface GeneratedBody {
  readonly requestBody?: object;
  readonly values: fc.Arbitrary<unknown>;
}

interface Field {
  readonly schema: object;
  readonly encoding?: object;
  readonly values: fc.Arbitrary<unknown>;
}

const NAMES = ['id', 'q', 'name', 'R', 'tags[]', 'a b', 'ü'];
const KINDS: readonly Kind[] = ['text', 'number', 'flag', 'list', 'object', 'deep'];

const fieldsOf = (field: fc.Arbitrary<Field>): fc.Arbitrary<Readonly<Record<string, Field>>> =>
  fc.dictionary(fc.constantFrom(...NAMES), field, { minKeys: 1, maxKeys: 4, noNullPrototype: true });

const plainField: fc.Arbitrary<Field> = fc.constantFrom(...KINDS).map((kind) => ({
  schema: SCHEMAS[kind],
  values: fc.oneof({ arbitrary: valuesOf(kind, 'body'), weight: 8 }, fc.constant(null)),
}));

const deepField: Field = {
  ...{ schema: SCHEMAS.deep, encoding: { style: 'deepObject', explode: true }, values: valuesOf('deep', 'body') },
};

const styledField: fc.Arbitrary<Field> = fc.oneof(
  fc
    .record({ style: fc.constantFrom('form', 'spaceDelimited', 'pipeDelimited'), explode: fc.boolean() })
    .map((encoding) => ({
      ...{ schema: SCHEMAS.list, encoding, values: valuesOf('list', 'body') },
    })),
  fc.constant(deepField),
);

const joinedField: fc.Arbitrary<Field> = fc
  .constantFrom('form', 'spaceDelimited', 'pipeDelimited')
  .map((style) => ({ schema: SCHEMAS.list, encoding: { style, explode: false }, values: valuesOf('list', 'body') }));

const file = fc
  .record({
    type: fc.constantFrom('image/png', 'text/plain', 'application/octet-stream'),
    name: fc.constantFrom('a.png', 'b c.txt', 'x'),
    bytes: fc.uint8Array({ maxLength: 40 }),
  })
  .map(({ type, name, bytes }) => {
    return `data:${type};name=${encodeURIComponent(name)};base64,${Buffer.from(bytes).toString('base64')}`;
  });
const BINARY = { type: 'string', format: 'binary' };
const fileField: fc.Arbitrary<Field> = fc.constantFrom<Field>(
  { schema: BINARY, values: file },
  { schema: { type: 'array', items: BINARY }, values: fc.array(file, { maxLength: 2 }) },
);

/** A body of fields, of which any may be left out. At least one is given: whether an empty body is sent is another question. */
function fieldBody(type: string, fields: Readonly<Record<string, Field>>, isOpen = false): GeneratedBody {
  const entries = Object.entries(fields);
  const of = (pick: (field: Field) => object | undefined): object =>
    Object.fromEntries(entries.flatMap(([name, field]) => (pick(field) ? [[name, pick(field)]] : [])));
  const encoding = of((field) => field.encoding);
  const schema = {
    type: 'object',
    properties: of(({ schema: own }) => own),
    ...(isOpen && { additionalProperties: true }),
  };
  const extra = isOpen ? { 'extra one': fc.option(BODY_TEXTS, { nil: undefined }) } : {};
  const members = Object.fromEntries(
    entries.map(([name, { values }]) => [name, fc.option(values, { nil: undefined })]),
  );
  return {
    requestBody: { content: { [type]: { schema, ...(Object.keys(encoding).length > 0 && { encoding }) } } },
    values: fc
      .record({ ...members, ...extra })
      .map((record) => Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)))
      .map((record) => (Object.keys(record).length > 0 ? record : undefined)),
  };
}

const JSON_TYPES = fc.constantFrom('application/json', 'application/merge-patch+json', '*/*');
const wholeJson: fc.Arbitrary<GeneratedBody> = fc
  .constantFrom<[object, fc.Arbitrary<unknown>]>(
    [{ type: 'array', items: {} }, fc.array(fc.oneof(valuesOf('deep', 'body'), BODY_TEXTS), { maxLength: 3 })],
    [{ type: 'string' }, BODY_TEXTS],
    [{ type: 'integer' }, fc.integer()],
    [{ oneOf: [SCHEMAS.object, { type: 'object', properties: { a: {} } }] }, valuesOf('deep', 'body')],
  )
  .chain(([schema, values]) =>
    JSON_TYPES.map((type) => ({ requestBody: { required: true, content: { [type]: { schema } } }, values })),
  );

/** As documents list the types of patches: one schema for all of them. */
function patchBody({ requestBody, values }: GeneratedBody): GeneratedBody {
  const { content } = requestBody as { readonly content: Readonly<Record<string, object>> };
  const [media = {}] = Object.values(content);
  const types = { 'application/json-patch+json': media, ...content, 'application/apply-patch+json': media };
  return { requestBody: { content: types }, values };
}

export const bodies: fc.Arbitrary<GeneratedBody> = fc.oneof(
  fc.constant({ values: fc.constant(undefined) }),
  fc.tuple(JSON_TYPES, fieldsOf(plainField), fc.boolean()).map((parts) => fieldBody(...parts)),
  fieldsOf(plainField).map((fields) => patchBody(fieldBody('application/merge-patch+json', fields))),
  wholeJson,
  fieldsOf(fc.oneof(plainField, styledField)).map((fields) => fieldBody('application/x-www-form-urlencoded', fields)),
  fieldsOf(fc.oneof(plainField, joinedField, fc.constant(deepField), fileField)).map((fields) =>
    fieldBody('multipart/form-data', fields),
  ),
  fc.constantFrom('text/plain', 'application/xml').map((type) => ({
    ...{ requestBody: { required: true, content: { [type]: { schema: { type: 'string' } } } }, values: BODY_TEXTS },
  })),
);
