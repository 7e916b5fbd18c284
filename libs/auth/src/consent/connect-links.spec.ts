import { describe, expect, it } from '@jest/globals';
import { serverId, tenantId } from '#kernel';
import { DEFAULT_TENANT } from '#tenancy';
import { ConnectLinks } from './connect-links.js';

describe('ConnectLinks', () => {
  const links = new ConnectLinks({ publicUrl: 'https://composer.example/below' });
  links.useSlugs(async (tenant) => (tenant === tenantId('a') ? 'acme' : undefined));
  const to = (tenant: string, tool?: string) =>
    links.linkFor({
      member: { tenantId: tenantId(tenant), serverId: serverId('crm') },
      ...(tool === undefined ? {} : { tool }),
    });

  it('name the tenant unless it is the default one, and the tool that has a credential for itself', async () => {
    expect(await to(DEFAULT_TENANT)).toBe('https://composer.example/below/connect/crm');
    expect(await to('a')).toBe('https://composer.example/below/connect/crm?tenant=acme');
    expect(await to('a', 'a&b')).toBe('https://composer.example/below/connect/crm?tenant=acme&tool=a%26b');
  });
});
