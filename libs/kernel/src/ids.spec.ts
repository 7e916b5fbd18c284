import { describe, expect, it } from '@jest/globals';
import { memberKey, serverId, tenantId } from './ids.js';

describe('memberKey', () => {
  it('differs when the tenant or the server differs, however their texts join', () => {
    const keys = [
      ['a', 'b'],
      ['a', 'c'],
      ['b', 'b'],
      ['ab', 'c'],
      ['a', 'bc'],
    ].map(([tenant, server]) => memberKey({ tenantId: tenantId(tenant!), serverId: serverId(server!) }));
    expect(new Set(keys).size).toBe(keys.length);
  });
});
