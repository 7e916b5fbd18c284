import { type JsonObject, isObject } from '#kernel';

/** A file as a caller gives it: what it holds, and what it may say about itself. */
export interface FileArgument {
  readonly content: Buffer;
  readonly filename?: string;
  readonly mimeType?: string;
}

/** What a tool says of an argument that is a file. Models write text well and base64 badly, so both are taken. */
export const fileSchema = (description: string): JsonObject => ({
  type: 'object',
  description: description || 'A file',
  properties: {
    text: { type: 'string', description: 'what it holds, if that is text' },
    base64: { type: 'string', contentEncoding: 'base64', description: 'what it holds, in base64' },
    filename: { type: 'string' },
    mimeType: { type: 'string' },
  },
  oneOf: [{ required: ['text'] }, { required: ['base64'] }],
  additionalProperties: false,
});

const KEYS = ['text', 'base64', 'filename', 'mimeType'];
/** A media type without parameters (RFC 6838, 4.2), so that nothing in it can end a header. */
const MEDIA_TYPE = /^[\w!#$&^.+-]{1,64}\/[\w!#$&^.+-]{1,127}$/;
const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;
const MAX_NAME = 255;

/** Reads a file argument; a text says what is wrong with it. */
export function readFile(value: unknown): FileArgument | string {
  if (!isObject(value) || Object.keys(value).some((key) => !KEYS.includes(key))) {
    return 'must be an object with "text" or "base64" and, if wanted, "filename" and "mimeType"';
  }
  const { text, base64, filename, mimeType } = value;
  if ((text === undefined) === (base64 === undefined)) return 'must have either "text" or "base64"';
  if (text !== undefined && typeof text !== 'string') return 'must have a text in "text"';
  if (base64 !== undefined && (typeof base64 !== 'string' || !BASE64.test(base64))) return 'is not base64';
  if (filename !== undefined && (typeof filename !== 'string' || filename.length > MAX_NAME)) {
    return `must have a "filename" of at most ${MAX_NAME} characters`;
  }
  if (mimeType !== undefined && (typeof mimeType !== 'string' || !MEDIA_TYPE.test(mimeType))) {
    return 'must have a media type without parameters in "mimeType"';
  }
  return {
    content: base64 === undefined ? Buffer.from(text as string) : Buffer.from(base64, 'base64'),
    ...(filename !== undefined && { filename }),
    ...(mimeType !== undefined && { mimeType }),
  };
}
