import { describe, expect, it } from '@jest/globals';
import { ISSUER_PATHS, parseIssuerPath } from './issuer-path.js';

const filled = (path: string): string => path.replace(':tenant', 'acme-2').replace(':uid', 'a_b-C9');

describe('the paths of authorization servers', () => {
  it('are read as what they are listed as, of the default tenant and of others', () => {
    expect(ISSUER_PATHS).toContain('/t/:tenant/authorize/:uid');
    for (const path of ISSUER_PATHS) {
      expect([path, parseIssuerPath(filled(path))]).toEqual([
        path,
        {
          tenantSlug: path.includes(':tenant') ? 'acme-2' : 'default',
          kind: path.includes('/auth/consent/') ? 'consent' : 'provider',
          route: filled(path.replace('/t/:tenant', '')),
        },
      ]);
    }
  });

  it('have no second name for the default tenant', () => {
    const named = ISSUER_PATHS.filter((path) => path.includes(':tenant'));
    expect(named.map((path) => parseIssuerPath(filled(path.replace(':tenant', 'default'))))).toEqual(
      named.map(() => undefined),
    );
  });

  it.each([
    ['', '/', '/t/acme', '/t/acme/', '/t//token', '/token/', '//token', '/Token', '/%74oken', '/token/x'],
    ['/t/Acme/token', '/t/-acme/token', '/t/acme-/token', '/t/acme/t/acme/token', `/t/${'a'.repeat(64)}/token`],
    [
      '/authorize/',
      '/authorize/a/b',
      '/authorize/a.b',
      `/authorize/${'a'.repeat(65)}`,
      '/authorize/:uid',
      '/auth/consent',
    ],
    ['/t/acme/.well-known/oauth-authorization-server', '/.well-known/oauth-authorization-server/acme'],
    ['/xwell-known/openid-configuration', '/.well-known/openid-configuration/', '/token\n', '/t/acme/token\u0000'],
  ])('are no others: %j', (...paths) => {
    expect(paths.filter((path) => parseIssuerPath(path))).toEqual([]);
  });
});
