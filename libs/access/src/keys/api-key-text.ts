import { createHash, randomBytes } from 'node:crypto';
import { type TenantId, tenantId } from '#kernel';

/** A key as a caller presents it: `mcpc_<id>_<secret>`. */
export interface ApiKeyText {
  /** Where the key is to be looked up. The text says so, and proves nothing by it. */
  readonly tenantId: TenantId;
  readonly id: string;
  readonly secret: string;
}

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'; // RFC 4648, 6, in lower case and without padding
const ID = /^[a-z2-7]{36}$/;
const KEY = /^mcpc_([a-z2-7]{36})_([A-Za-z0-9_-]{43})$/;
/** How many characters of an id are the tenant's 16 bytes. */
const TENANT_CHARACTERS = 26;
const RANDOM_CHARACTERS = 10;
const SECRET_BYTES = 32;

/** A new id of a key of the tenant. */
export function newApiKeyId(tenant: TenantId): string {
  const bytes = Buffer.from(tenant.replaceAll('-', ''), 'hex');
  return base32(bytes) + base32(randomBytes(8)).slice(0, RANDOM_CHARACTERS);
}

export function newApiKeySecret(): string {
  return randomBytes(SECRET_BYTES).toString('base64url');
}

export const apiKeyText = (id: string, secret: string): string => `mcpc_${id}_${secret}`;

/** The parts of a key; undefined if it is not spelled like one. */
export function parseApiKey(text: string): ApiKeyText | undefined {
  const [, id, secret] = KEY.exec(text) ?? [];
  const tenant = id && tenantOfApiKey(id);
  return tenant ? { tenantId: tenant, id: id, secret: secret! } : undefined;
}

/** The tenant that the id of a key names; undefined if it is not spelled like one. */
export function tenantOfApiKey(id: string): TenantId | undefined {
  if (!ID.test(id)) return undefined;
  const spelled = id.slice(0, TENANT_CHARACTERS);
  const bytes = bytesOf(spelled);
  if (base32(bytes) !== spelled) return undefined; // one id, one spelling
  return tenantId(bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'));
}

/** What is kept of the secret half: it has 256 random bits, which no slow hash could improve. */
export function hashOfSecret(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

function base32(bytes: Buffer): string {
  let [text, bits, value] = ['', 0, 0];
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xfff;
    bits += 8;
    for (; bits >= 5; bits -= 5) text += ALPHABET[(value >>> (bits - 5)) & 31];
  }
  return bits > 0 ? text + ALPHABET[(value << (5 - bits)) & 31] : text;
}

function bytesOf(text: string): Buffer {
  const bytes: number[] = [];
  let [bits, value] = [0, 0];
  for (const character of text) {
    value = ((value << 5) | ALPHABET.indexOf(character)) & 0xfff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((value >>> bits) & 255);
  }
  return Buffer.from(bytes);
}
