import { beforeEach, describe, expect, it } from '@jest/globals';
import { newProofKey } from './proof-key.js';
import { ProofNonces } from './proof-nonces.js';

const HERE = 'https://crm.example';

describe('ProofNonces', () => {
  let nonces: ProofNonces;
  beforeEach(() => void (nonces = new ProofNonces()));

  it('knows the last one of each server for each key', () => {
    const [key, other] = [newProofKey(), newProofKey()];
    nonces.note(key, HERE, 'one');
    nonces.note(key, 'https://issuer.example', 'two');
    nonces.note(key, HERE, 'three');
    expect([nonces.find(key, HERE), nonces.find(key, 'https://issuer.example')]).toEqual(['three', 'two']);
    expect(nonces.find(other, HERE)).toBeUndefined();
  });

  it.each([[''], ['a b'], ['a"b'], ['a\\b'], ['\u00e4'], ['x'.repeat(513)]])('passes over %j', (nonce) => {
    const key = newProofKey();
    nonces.note(key, HERE, 'good');
    nonces.note(key, HERE, nonce);
    expect(nonces.find(key, HERE)).toBe('good');
  });

  it('remembers ten thousand, the latest', () => {
    const key = newProofKey();
    for (let index = 0; index <= 10_000; index++) nonces.note(key, `https://${index}.example`, 'n');
    expect([nonces.find(key, 'https://0.example'), nonces.find(key, 'https://10000.example')]).toEqual([
      undefined,
      'n',
    ]);
  });
});
