import { type JsonObject, isObject } from '#kernel';
import { plainCopy, isDeeperThan } from './bounded-json.js';
import { noteRepeatedKeys } from './json-keys.js';
import { entriesOf, memberOf, objectOf, textOf } from './json-reader.js';
import { DOCUMENT_LIMITS, type OpenApiDocument } from './openapi-document.js';
import { InvalidDocumentError, UnsupportedVersionError } from './openapi.errors.js';
import { resolveNames } from './named-references.js';
import { RepeatedKeys } from './repeated-keys.js';
import { convertSwagger2 } from './swagger2.js';
import { readYaml } from './yaml-reader.js';

/**
 * Reads an OpenAPI document: JSON or YAML, Swagger 2.0 (converted), OpenAPI 3.0 and 3.1, and 3.2 as far as it says
 * the same as 3.1. Touches neither files nor the network; references stay, those by name as pointers.
 *
 * @param source text, bytes in UTF-8, or what a JSON parser made of them; an object is copied, never changed
 * @throws InvalidDocumentError not JSON or YAML, over a limit of `DOCUMENT_LIMITS`, or without `paths`
 * @throws UnsupportedVersionError any other version
 */
export function parseDocument(source: string | Uint8Array | object): OpenApiDocument {
  const repeated = new RepeatedKeys();
  const isText = typeof source === 'string' || source instanceof Uint8Array;
  const raw = isText ? readText(decoded(source), repeated) : source;
  const copy = plainCopy(raw, DOCUMENT_LIMITS);
  if ('excess' in copy) throw new InvalidDocumentError(EXCESS[copy.excess]);
  if (!isObject(copy.value)) throw new InvalidDocumentError('it is not an object with the member "openapi"');
  const places = repeated.places();
  return { ...document(copy.value), ...(places.length > 0 && { repeated: places }) };
}

const TOO_DEEP = `it nests deeper than ${DOCUMENT_LIMITS.maxDepth} levels`;
const EXCESS = { maxDepth: TOO_DEEP, maxNodes: `it has more than ${DOCUMENT_LIMITS.maxNodes} values` };

function decoded(source: string | Uint8Array): string {
  const bytes = typeof source === 'string' ? Buffer.byteLength(source) : source.byteLength;
  if (bytes > DOCUMENT_LIMITS.maxBytes) {
    throw new InvalidDocumentError(`it is larger than ${DOCUMENT_LIMITS.maxBytes / 1024 / 1024} MiB`);
  }
  if (typeof source === 'string') return source.replace(/^\uFEFF/, '');
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(source);
  } catch (cause) {
    throw new InvalidDocumentError('it is not UTF-8 text', cause);
  }
}

// A document that opens with a bracket is taken for JSON alone: its faults are then told in terms of JSON.
function readText(text: string, repeated: RepeatedKeys): unknown {
  if (!/^\s*[{[]/.test(text)) return readBoundedYaml(text, repeated);
  if (isDeeperThan(text, DOCUMENT_LIMITS.maxDepth)) throw new InvalidDocumentError(TOO_DEEP);
  const value = parsedJson(text);
  noteRepeatedKeys(text, repeated);
  return value;
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own message quotes the text, which belongs into nobody's log.
    throw new InvalidDocumentError('it opens like JSON but is not well-formed JSON');
  }
}

function readBoundedYaml(text: string, repeated: RepeatedKeys): unknown {
  if (Buffer.byteLength(text) > DOCUMENT_LIMITS.maxYamlBytes) {
    const [yaml, json] = [DOCUMENT_LIMITS.maxYamlBytes, DOCUMENT_LIMITS.maxBytes].map((bytes) => bytes / 1024 / 1024);
    throw new InvalidDocumentError(
      `it is YAML larger than ${yaml} MiB; convert it to JSON, which may have ${json} MiB`,
    );
  }
  return readYaml(text, DOCUMENT_LIMITS, repeated);
}

function document(source: JsonObject): OpenApiDocument {
  // YAML reads an unquoted 2.0 or 3.1 as a number, and 2.0 loses its fraction.
  const isSwagger2 = /^2(\.0)?$/.test(versionText(source, 'swagger'));
  const version = isSwagger2 ? '3.0' : schemaVersion(versionText(source, 'openapi'));
  const root = isSwagger2 ? convertSwagger2(source) : source;
  if (version === '3.1') resolveNames(root);
  if (!objectOf(root, 'paths') && entriesOf(root, 'webhooks').length + entriesOf(root, 'components').length === 0) {
    throw new InvalidDocumentError('it has no "paths"');
  }
  return { version, title: textOf(root.info, 'title') ?? '', root };
}

function versionText(source: JsonObject, key: string): string {
  const version = memberOf(source, key);
  return typeof version === 'string' || typeof version === 'number' ? `${version}` : '';
}

function schemaVersion(openapi: string): OpenApiDocument['version'] {
  const [matched, minor = '0'] = /^3(?:\.([012])(?:\.\d+)?(?:-[\w.]+)?)?$/.exec(openapi) ?? [];
  if (matched === undefined) throw new UnsupportedVersionError();
  return minor === '0' ? '3.0' : '3.1';
}
