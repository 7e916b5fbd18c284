import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { bearerChallenge } from './challenge.js';

const PARAMETERS = /^Bearer ([a-z_]+="[\x20\x21\x23-\x5b\x5d-\x7e]*")(, [a-z_]+="[\x20\x21\x23-\x5b\x5d-\x7e]*")*$/;

describe('bearerChallenge', () => {
  it('says where the metadata is and what to ask for, and nothing of an error that there is not', () => {
    const parts = { resourceMetadata: 'https://gw.example/m', scopes: ['mcp', 'manage'], description: 'not told' };
    expect(bearerChallenge(parts)).toBe('Bearer resource_metadata="https://gw.example/m", scope="mcp manage"');
  });

  it('stays one header with its own parameters, whatever it is made of', () => {
    const text = fc.string({ unit: 'binary' });
    fc.assert(
      fc.property(text, fc.array(text), text, (resourceMetadata, scopes, description) => {
        const challenge = bearerChallenge({ resourceMetadata, scopes, error: 'invalid_token', description });
        expect(challenge).toMatch(PARAMETERS);
        const names = [...challenge.matchAll(/([a-z_]+)="[^"]*"/g)].map(([, name]) => name);
        expect(names.filter((name) => name === 'error')).toHaveLength(1);
        const known = ['error', 'error_description', 'resource_metadata', 'scope'];
        expect(names.filter((name) => !known.includes(name ?? ''))).toEqual([]);
      }),
    );
  });
});
