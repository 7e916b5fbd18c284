import { describe, expect, it } from '@jest/globals';
import { principalId, tenantId } from '#kernel';
import { holdsAny } from './principal.js';

const holder = (...roles: string[]) => ({ id: principalId('p'), tenantId: tenantId('t'), roles });

describe('holdsAny', () => {
  it('is true as soon as one role is held', () => {
    expect(holdsAny(holder('caller', 'finance'), ['admin', 'finance'])).toBe(true);
  });

  it('is false without a role in common, and for empty lists on either side', () => {
    expect(holdsAny(holder('caller'), ['admin'])).toBe(false);
    expect(holdsAny(holder('caller'), [])).toBe(false);
    expect(holdsAny(holder(), ['admin'])).toBe(false);
  });

  it('compares whole roles: neither parts nor other cases count', () => {
    expect(holdsAny(holder('admins', 'Admin', 'adm'), ['admin'])).toBe(false);
  });
});
