import { BODY_KINDS, type BodyPart, bodyKind, contentTypeOf, formParts } from './body-media.js';
import { entriesOf, listOf, memberOf, textOf } from './json-reader.js';
import { essenceOf } from './media-type.js';
import type { OpenApiDocument } from './openapi-document.js';
import { INPUT_LIMITS, type OperationBody, type ParameterStyle } from './openapi-operation.js';
import { UnsupportedOperationError } from './openapi.errors.js';
import { plainText } from './plain-text.js';
import { isReadOnly } from './read-only.js';
import { dereference } from './reference.js';
import type { SchemaBudget } from './schema-budget.js';

/** A request body as the document declares it, in the one media type that will be sent. */
export interface DeclaredBody extends Pick<OperationBody, 'contentType' | 'kind' | 'required'> {
  readonly description: string;
  readonly schema: unknown;
  /** The members of an object body, which become arguments of their own. */
  readonly fields?: BodyFields;
  /** What the document says of single parts of a form of several parts. */
  readonly parts?: ReadonlyMap<string, BodyPart>;
  /** How a form writes the fields that the document gives a style. */
  readonly styles: ReadonlyMap<string, { readonly style: ParameterStyle; readonly explode: boolean }>;
}

export interface BodyFields {
  readonly properties: ReadonlyMap<string, unknown>;
  readonly required: ReadonlySet<string>;
  /** Whether the document invites further ones. */
  readonly additional: boolean;
}

/**
 * The body of an operation. JSON is preferred to forms, forms to text, and text to a file; a form that has no fields is
 * no body.
 *
 * @throws UnsupportedOperationError if it has too many fields, or a reference cannot be followed
 */
export function declaredBody(document: OpenApiDocument, operation: unknown, work: BodyWork): DeclaredBody | undefined {
  const body = dereference(document, memberOf(operation, 'requestBody'));
  const offers = entriesOf(body, 'content').map(([type, raw]) => {
    const media = dereference(document, raw);
    return { type, media, kind: bodyKind(type, () => dereference(document, memberOf(media, 'schema'))) };
  });
  if (offers.length === 0) return undefined;

  const fitting = offers.filter((candidate) => !isPatchOfObject(document, candidate));
  const usable = fitting.length > 0 ? fitting : offers;
  const offer = BODY_KINDS.map((kind) => usable.find((candidate) => candidate.kind === kind)).find(Boolean);
  const isRequired = memberOf(body, 'required') === true;
  if (!offer?.kind) {
    if (isRequired) throw new UnsupportedOperationError('its body has no media type');
    work.notes.push('the body is left out: it has no media type');
    return undefined;
  }

  const { kind, type, media } = offer;
  const schema = memberOf(media, 'schema') ?? {};
  const isForm = kind === 'form' || kind === 'multipart';
  const fields =
    isForm || kind === 'json' ? objectFields(document, schema, { visits: 0, budget: work.budget }) : undefined;
  if (isForm && !fields && isWithoutMembers(dereference(document, schema))) {
    work.notes.push('the body is left out: it is a form without fields');
    return undefined;
  }
  return {
    contentType: contentTypeOf(kind, type),
    kind,
    required: isRequired,
    description: textOf(body, 'description') ?? '',
    schema: kind === 'text' ? textSchema(document, schema, type) : schema,
    ...(fields && { fields }),
    ...(kind === 'multipart' && fields && { parts: formParts(document, media, fields.properties) }),
    styles: formStyles(media),
  };
}

// Documents list the types of patches with one schema for all; a JSON patch is an array (RFC 6902, 3).
function isPatchOfObject(document: OpenApiDocument, { type, media }: { type: string; media: unknown }): boolean {
  const isPatch = essenceOf(type) === 'application/json-patch+json';
  return isPatch && textOf(dereference(document, memberOf(media, 'schema')), 'type') === 'object';
}

export interface BodyWork {
  readonly budget: SchemaBudget;
  readonly notes: string[];
}

// Text of a type such as XML has a schema of what it means; the argument is the text.
function textSchema(document: OpenApiDocument, schema: unknown, type: string): unknown {
  const isText = textOf(dereference(document, schema), 'type') === 'string';
  return isText ? schema : { type: 'string', description: `text of type ${plainText(type, 128)}` };
}

// Only what certainly says "no member" counts: a schema of alternatives has some.
function isWithoutMembers(schema: unknown): boolean {
  const isOpenEnded = memberOf(schema, 'type') === undefined && memberOf(schema, 'properties') === undefined;
  const isEntangled = [...ENTANGLING, 'allOf'].some((keyword) => memberOf(schema, keyword) !== undefined);
  return !isOpenEnded && !isEntangled && !isOpen(memberOf(schema, 'additionalProperties'));
}

const FORM_STYLES: readonly string[] = [
  'form',
  'spaceDelimited',
  'pipeDelimited',
  'deepObject',
] satisfies ParameterStyle[];

function formStyles(media: unknown): DeclaredBody['styles'] {
  const styles = new Map<string, { style: ParameterStyle; explode: boolean }>();
  for (const [name, encoding] of entriesOf(media, 'encoding')) {
    const style = textOf(encoding, 'style');
    const explode = memberOf(encoding, 'explode');
    if (style === undefined && explode === undefined) continue;
    const known = FORM_STYLES.includes(style ?? 'form') ? ((style ?? 'form') as ParameterStyle) : 'form';
    styles.set(name, { style: known, explode: typeof explode === 'boolean' ? explode : known === 'form' });
  }
  return styles;
}

/** Schemas that are looked at for one body; parts that refer to parts can stand for any number of them. */
const MAX_VISITS = 200;
/** Keywords that say more about an object than a list of arguments can. */
const ENTANGLING = ['anyOf', 'oneOf', 'not', 'if', '$ref'];

interface Work {
  visits: number;
  readonly budget: SchemaBudget;
}

/** The members of an object schema, those of its `allOf` included; undefined if it is not simply an object. */
function objectFields(document: OpenApiDocument, schema: unknown, work: Work): BodyFields | undefined {
  const isWhole = work.visits === 0;
  // Whatever stands next to a reference counts since 3.1, and is one more thing than a list can say.
  const isMixed = document.version !== '3.0' && memberOf(schema, '$ref') !== undefined && hasMembers(schema);
  const object = isMixed ? schema : dereference(document, schema);
  const isEntangled = ENTANGLING.some((keyword) => memberOf(object, keyword) !== undefined);
  if (++work.visits > MAX_VISITS || isEntangled || memberOf(object, 'nullable') === true) return undefined;
  const type = memberOf(object, 'type');
  if (type !== undefined && type !== 'object') return undefined;

  const properties = new Map<string, unknown>();
  const required = new Set<string>();
  let additional = isOpen(memberOf(object, 'additionalProperties'));
  for (const part of listOf(object, 'allOf')) {
    const fields = objectFields(document, part, work);
    if (!fields) return undefined;
    for (const [name, property] of fields.properties) add(document, properties, [name, property]);
    for (const name of fields.required) required.add(name);
    additional ||= fields.additional;
  }
  const named = entriesOf(object, 'properties');
  work.budget.spendOnMembers(named.length);
  if (named.length > INPUT_LIMITS.maxArguments)
    throw new UnsupportedOperationError(`it takes ${named.length} arguments`);
  for (const one of named) add(document, properties, one);
  for (const name of listOf(object, 'required')) if (typeof name === 'string') required.add(name);
  // An object without any named member can only be given as a whole, unless it merely adds to its siblings.
  if (properties.size === 0 && isWhole) return undefined;
  if (isWhole && memberOf(object, 'additionalProperties') !== false) addUndescribed(properties, required, work);
  return { properties, required, additional };
}

/** Members that are required and nowhere described: an object may have them, and the service wants them. */
function addUndescribed(properties: Map<string, unknown>, required: ReadonlySet<string>, work: Work): void {
  const undescribed = [...required].filter((name) => !properties.has(name));
  work.budget.spendOnMembers(undescribed.length);
  if (properties.size + undescribed.length > INPUT_LIMITS.maxArguments) return;
  for (const name of undescribed) properties.set(name, {});
}

const hasMembers = (schema: unknown): boolean =>
  ['properties', 'required', 'allOf', 'additionalProperties'].some(
    (keyword) => memberOf(schema, keyword) !== undefined,
  );

const isOpen = (additional: unknown): boolean =>
  additional === true || (typeof additional === 'object' && additional !== null);

function add(
  document: OpenApiDocument,
  properties: Map<string, unknown>,
  [name, property]: readonly [string, unknown],
): void {
  const known = properties.get(name);
  if (known === undefined) return void properties.set(name, property);
  const readOnly = isReadOnly(document, known) || isReadOnly(document, property);
  properties.set(name, { allOf: [known, property], ...(readOnly && { readOnly }) });
}
