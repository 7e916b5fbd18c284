import { memberOf } from './json-reader.js';
import type { OpenApiDocument } from './openapi-document.js';
import { dereference } from './reference.js';

/** Whether a property is only ever sent by the server: the schema says so, or the one that it refers to. */
export function isReadOnly(document: OpenApiDocument, schema: unknown): boolean {
  return memberOf(schema, 'readOnly') === true || memberOf(dereference(document, schema), 'readOnly') === true;
}
