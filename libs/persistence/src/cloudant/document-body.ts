import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import type { JsonObject } from '#kernel';
import { DocumentTooLargeError } from '../persistence.errors.js';

/** Up to here a body lies in its document as it is, so that people can read it there. */
const PLAIN_BYTES = 64 * 1024;
/** Up to here a compressed body lies in its document; a document may have 1 MB. */
const INLINE_BYTES = 384 * 1024;
/** An attachment may have 10 MB. */
const PART_BYTES = 8 * 1024 * 1024;
const MOST_BYTES = 12 * 1024 * 1024;
/** The half of a surrogate pair, which JSON can spell and CouchDB does not take. */
const LONE_HALF = /\\u[dD][89a-fA-F]/;

const [compress, expand] = [promisify(gzip), promisify(gunzip)];

/** A body as it is stored. One request writes it, so that no part of it is ever there without the others. */
export interface PackedBody {
  readonly b?: JsonObject;
  /** gzip, base64. */
  readonly z?: string;
  /** In how many attachments the compressed body lies. */
  readonly parts?: number;
  readonly _attachments?: Readonly<Record<string, { readonly content_type: string; readonly data: string }>>;
}

/** A stored body as the client gives it back. */
export interface FoundBody {
  readonly b?: unknown;
  readonly z?: unknown;
  readonly parts?: unknown;
  readonly _attachments?: Readonly<Record<string, { readonly data?: Buffer }>>;
}

/** @throws DocumentTooLargeError */
export async function packBody(body: JsonObject): Promise<PackedBody> {
  const text = JSON.stringify(body);
  const bytes = Buffer.byteLength(text);
  if (bytes > MOST_BYTES) throw new DocumentTooLargeError(MOST_BYTES);
  if (bytes <= PLAIN_BYTES && !LONE_HALF.test(text)) return { b: body };
  const packed = await compress(text);
  if (packed.length <= INLINE_BYTES) return { z: packed.toString('base64') };
  const parts = Math.ceil(packed.length / PART_BYTES);
  const attachments = Array.from({ length: parts }, (_, i) => {
    const data = packed.subarray(i * PART_BYTES, (i + 1) * PART_BYTES).toString('base64');
    return [nameOf(i), { content_type: 'application/octet-stream', data }] as const;
  });
  return { parts, _attachments: Object.fromEntries(attachments) };
}

export async function unpackBody({ b, z, parts, _attachments: attachments = {} }: FoundBody): Promise<JsonObject> {
  if (b !== undefined) return b as JsonObject;
  const packed =
    typeof z === 'string'
      ? Buffer.from(z, 'base64')
      : Buffer.concat(Array.from({ length: Number(parts) }, (_, i) => attachments[nameOf(i)]?.data ?? Buffer.alloc(0)));
  return JSON.parse((await expand(packed, { maxOutputLength: MOST_BYTES })).toString()) as JsonObject;
}

const nameOf = (part: number): string => `body.${part}`;
