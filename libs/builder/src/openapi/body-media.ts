import { memberOf, textOf } from './json-reader.js';
import { essenceOf, isJsonType, isTextualType } from './media-type.js';
import type { OpenApiDocument } from './openapi-document.js';
import type { OperationBody } from './openapi-operation.js';
import { dereference } from './reference.js';

/** What a document says of one part of a form of several parts. */
export interface BodyPart {
  /** A file, or a list of files. */
  readonly file?: 'one' | 'many';
  readonly contentType?: string;
}

/** In the order of preference. */
export const BODY_KINDS = ['json', 'form', 'multipart', 'text', 'binary'] as const;

/**
 * How a body of a media type is written; undefined if it is no media type.
 *
 * @param schema of it, which is only asked for types that are not known
 */
export function bodyKind(type: string, schema: () => unknown): OperationBody['kind'] | undefined {
  const essence = essenceOf(plainType(type));
  if (isJsonType(essence) || essence === '*/*' || essence === 'application/*') return 'json';
  if (essence === 'application/x-www-form-urlencoded') return 'form';
  if (MULTIPART.includes(essence)) return 'multipart';
  if (!MEDIA_RANGE.test(essence)) return undefined;
  if (isTextualType(essence)) return 'text';
  // A type that is not known is what its schema says; without one, bytes.
  const said = schema();
  return textOf(said, 'type') === 'string' && !isFile(said) ? 'text' : 'binary';
}

/** The second is not registered, and means the first wherever it is met. */
const MULTIPART = ['multipart/form-data', 'application/form-data'];
const MEDIA_RANGE = /^[\w!#$&^.+-]+\/(?:\*|[\w!#$&^.+-]+)$/;

/** `application/*+json` means whatever is JSON; JSON itself is. */
const plainType = (type: string): string => type.trim().replace(/^([\w.-]+\/)\*\+/, '$1');

/** What is sent as `content-type`; a range stays for a file alone, whose caller says what it is. */
export function contentTypeOf(kind: OperationBody['kind'], type: string): string {
  if (kind === 'multipart') return 'multipart/form-data';
  const plain = plainType(type);
  if (kind === 'binary' || !plain.includes('*')) return plain;
  return kind === 'text' ? 'text/plain' : 'application/json';
}

/** How the document says that bytes are meant: OpenAPI 3.0 by a format, 3.1 by a media type or an encoding of none. */
function isFile(schema: unknown): boolean {
  const isText = [memberOf(schema, 'type')]
    .flat()
    .every((type) => type === undefined || type === 'string' || type === 'null');
  const format = textOf(schema, 'format');
  if (!isText || format === 'byte') return false;
  const hasMediaType =
    textOf(schema, 'contentMediaType') !== undefined && memberOf(schema, 'contentEncoding') === undefined;
  return format === 'binary' || format === 'file' || hasMediaType;
}

/** What is special about the parts of a form of several parts. */
export function formParts(
  document: OpenApiDocument,
  media: unknown,
  properties: ReadonlyMap<string, unknown>,
): ReadonlyMap<string, BodyPart> {
  const parts = new Map<string, BodyPart>();
  for (const [name, property] of properties) {
    const schema = dereference(document, property);
    const items = dereference(document, memberOf(schema, 'items'));
    const file = isFile(schema) ? 'one' : isFile(items) && items !== undefined ? 'many' : undefined;
    const declared = textOf(memberOf(memberOf(media, 'encoding'), name), 'contentType');
    const contentType = declared !== undefined && CONTENT_TYPE.test(declared) ? declared : undefined;
    if (file || contentType) parts.set(name, { ...(file && { file }), ...(contentType && { contentType }) });
  }
  return parts;
}

/** One type, with or without parameters: lists and ranges leave open what is sent. */
const CONTENT_TYPE = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:; ?[\w-]+=[\w-]+)?$/;
