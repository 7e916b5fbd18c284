import { createHash } from 'node:crypto';

/** AES-256. */
export const KEY_BYTES = 32;
/** 32 random bytes hold about 30 distinct ones; fewer than this happens less than once in 2^60 keys. */
const MIN_DISTINCT_BYTES = 12;

const WORDS = [
  '',
  'password',
  'secret',
  'changeme',
  'admin',
  'test',
  'default',
  'key',
  'mcp',
  'composer',
  'mcp-composer',
];
const PUBLISHED = [
  // NIST SP 800-38A, appendix F, and FIPS 197, appendix A.3
  '603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4',
  // NIST SP 800-38D test vectors ("The Galois/Counter Mode of Operation", case 13 on)
  'feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308',
  // RFC 8439, section 2.8.2
  '808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f',
  ...WORDS.map((word) => createHash('sha256').update(word).digest('hex')),
];

/** Why these bytes must not be a key, or undefined. The answer never holds one of them. */
export function weakness(bytes: Buffer): string | undefined {
  if (bytes.length !== KEY_BYTES) return `is not exactly ${KEY_BYTES} bytes in base64`;
  if (isText(bytes)) return 'is text, not random bytes';
  if (new Set(bytes).size < MIN_DISTINCT_BYTES) return 'repeats a few bytes';
  if (isRepetition(bytes)) return 'repeats itself';
  if (isSequence(bytes)) return 'counts up or down';
  if (PUBLISHED.includes(bytes.toString('hex'))) return 'is a published example';
  return undefined;
}

/** Random bytes are all printable once in 2^45 keys. */
const isText = (bytes: Buffer): boolean => bytes.every((byte) => byte >= 0x20 && byte < 0x7f);

const isRepetition = (bytes: Buffer): boolean =>
  [1, 2, 4, 8, 16].some((period) => bytes.every((byte, at) => byte === bytes[at % period]));

function isSequence(bytes: Buffer): boolean {
  const step = (bytes[1]! - bytes[0]!) & 0xff;
  return bytes.every((byte, at) => at === 0 || ((byte - bytes[at - 1]!) & 0xff) === step);
}
