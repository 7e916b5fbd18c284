import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { tenantId } from '#kernel';
import { apiKeyText, hashOfSecret, newApiKeyId, newApiKeySecret, parseApiKey, tenantOfApiKey } from './api-key-text.js';

const TENANT = tenantId('01234567-89ab-4def-8123-456789abcdef');

describe('the text of an API key', () => {
  it('says which tenant it is to be looked up in', () => {
    for (const tenant of [TENANT, ...Array.from({ length: 200 }, () => tenantId(randomUUID()))]) {
      const id = newApiKeyId(tenant);
      const secret = newApiKeySecret();
      expect(parseApiKey(apiKeyText(id, secret))).toEqual({ tenantId: tenant, id, secret });
      expect(tenantOfApiKey(id)).toBe(tenant);
    }
  });

  it('has an id of 36 letters and digits that can be read aloud, and a secret of 256 bits', () => {
    expect(apiKeyText(newApiKeyId(TENANT), newApiKeySecret())).toMatch(/^mcpc_[a-z2-7]{36}_[A-Za-z0-9_-]{43}$/);
  });

  it('is another one each time', () => {
    const many = Array.from({ length: 1000 }, () => apiKeyText(newApiKeyId(TENANT), newApiKeySecret()));
    expect(new Set(many.map((key) => key.slice(0, 41))).size).toBe(1000);
    expect(new Set(many.map((key) => key.slice(42))).size).toBe(1000);
  });

  it('has one spelling', () => {
    const id = newApiKeyId(TENANT);
    const secret = newApiKeySecret();
    // The 26th character of the id carries three bits of the tenant and two that must be 0.
    const loose = `${id.slice(0, 25)}${id[25] === 'b' ? 'c' : 'b'}${id.slice(26)}`;
    const wrong = [
      '',
      'mcpc_',
      `mcpc_${id}`,
      `mcpc_${loose}_${secret}`,
      `MCPC_${id}_${secret}`,
      `mcpc_${id.toUpperCase()}_${secret}`,
      `mcpc_${id}_${secret}x`,
      `mcpc_${id}_${secret.slice(1)}`,
      ` mcpc_${id}_${secret}`,
      `mcpc_${id}_${secret}\n`,
    ];
    expect(wrong.filter((text) => parseApiKey(text) !== undefined)).toEqual([]);
  });

  it('leaves a hash of its secret, of 32 bytes, that tells nothing of it', () => {
    const secret = newApiKeySecret();
    expect(hashOfSecret(secret)).toHaveLength(32);
    expect(hashOfSecret(secret)).toEqual(hashOfSecret(secret));
    expect(hashOfSecret(newApiKeySecret())).not.toEqual(hashOfSecret(secret));
    expect(hashOfSecret(secret).toString('latin1')).not.toContain(secret);
  });
});
