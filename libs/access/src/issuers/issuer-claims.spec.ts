import { describe, expect, it } from '@jest/globals';
import { claimAt, nameOf, principalIdOf, roleValuesOf, rolesFor } from './issuer-claims.js';
import type { IssuerSettings } from './issuer.store.js';

const settings: IssuerSettings = {
  issuer: 'https://idp.example',
  kind: 'jwt',
  audiences: [],
  algorithms: ['ES256'],
  roles_claim: 'realm_access.roles',
  role_map: { staff: 'developer', 'domain admins': 'admin', root: 'operator' },
  default_roles: ['caller'],
};
const rolesOf = (claims: Record<string, unknown>) => rolesFor(settings, roleValuesOf(claims, settings));

describe('the claims of an issuer', () => {
  it('are found by their name, dots and all, before the place that the dots lead to', () => {
    expect(claimAt({ 'a.b': 1, a: { b: 2 } }, 'a.b')).toBe(1);
    expect(claimAt({ a: { b: 2 } }, 'a.b')).toBe(2);
    expect(claimAt({ a: 'text' }, 'a.length')).toBeUndefined();
    expect(claimAt({}, 'constructor.name')).toBeUndefined();
  });

  it('give the roles that their values are mapped to, besides those of everybody', () => {
    expect(rolesOf({ realm_access: { roles: ['staff', 'others', 7] } })).toEqual(['caller', 'developer']);
    expect(rolesOf({ realm_access: { roles: 'domain admins' } })).toEqual(['caller', 'admin']);
    expect(rolesOf({ realm_access: { roles: 'no staff' } })).toEqual(['caller']);
    expect(rolesOf({ realm_access: { roles: ['constructor', '__proto__'] } })).toEqual(['caller']);
    expect(rolesOf({})).toEqual(['caller']);
  });

  it('make nobody an operator', () => {
    expect(rolesOf({ realm_access: { roles: ['root'] } })).toEqual(['caller']);
  });

  it('name people by what tells them apart best, on one line', () => {
    expect(nameOf({ name: 'Ada', email: 'ada@example.com' })).toBe('ada@example.com');
    expect(nameOf({ email: ' ', name: 'Ada\nLovelace' })).toBe('Ada Lovelace');
    expect(nameOf({ name: 7 })).toBeUndefined();
  });

  it('lead to one principal for one identity, and to another one for every other', () => {
    const ids = [
      { issuer: 'https://a', subject: 'b' },
      { issuer: 'https://a', subject: 'b' },
      { issuer: 'https://a', subject: 'c' },
      { issuer: 'https://b', subject: 'b' },
    ].map(principalIdOf);
    expect(ids[0]).toBe(ids[1]);
    expect(new Set(ids).size).toBe(3);
  });
});
