import { describe, expect, it } from '@jest/globals';
import { failureOf } from './renewal-failures.js';
import { ClientRefusedError, GrantRefusedError, IssuerUnavailableError } from './token-store.errors.js';

const of = (error: unknown, more: object = {}) => failureOf(error, { isLost: false, isSpent: false, ...more });

describe('what is kept of a failed renewal', () => {
  it.each([
    [new ClientRefusedError('BXNIM0415E'), 'client', 'BXNIM0415E'],
    [new ClientRefusedError('unauthorized_client'), 'client', 'unauthorized_client'],
    [new ClientRefusedError('AADSTS7000215'), 'client', 'AADSTS7000215'],
    [new GrantRefusedError('invalid_grant'), 'grant', 'invalid_grant'],
    [new GrantRefusedError('Token.Expired-1'), 'grant', 'Token.Expired-1'],
    [new IssuerUnavailableError('http_503'), 'issuer', 'http_503'],
  ])('is the code of %s, beside its class', (error, kind, code) => {
    expect(of(error)).toMatchObject({ kind, code });
  });

  it.each(['the key abc is wrong', 'x'.repeat(65), 'Ab0-'.repeat(11), '', '<b>', "a'b", 'a\nb', '-a'])(
    'is the class alone where the issuer says %j',
    (text) => {
      expect(of(new ClientRefusedError(text))).toMatchObject({ kind: 'client', code: 'invalid_client' });
      expect(of(new GrantRefusedError(text))).toMatchObject({ kind: 'grant', code: 'invalid_grant' });
      expect(of(new IssuerUnavailableError(text))).toMatchObject({ kind: 'issuer', code: 'unavailable' });
    },
  );
});
