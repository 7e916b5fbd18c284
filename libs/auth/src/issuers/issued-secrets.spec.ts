import { describe, expect, it } from '@jest/globals';
import { serverId, tenantId } from '#kernel';
import { SecretValues } from '#observability';
import type { TokenKey } from '#token-store';
import { IssuedSecrets } from './issued-secrets.js';

const keyOf = (fingerprint: string): TokenKey => ({
  tenantId: tenantId('acme'),
  serverId: serverId('crm'),
  kind: 'token',
  issuer: 'https://app.example/login',
  fingerprint,
});

describe('IssuedSecrets', () => {
  const open = () => {
    const secrets = new SecretValues();
    return { issued: new IssuedSecrets(secrets), mask: (text: string) => secrets.mask(text) };
  };

  it('masks the values of a credential, and those that they replace no more', () => {
    const { issued, mask } = open();
    issued.keep(keyOf('a'), { generation: 1, values: ['cookie-one', 'cookie-two'] });
    issued.keep(keyOf('a'), { generation: 1, values: ['cookie-two', 'cookie-three'] });
    expect(mask('cookie-one cookie-two cookie-three')).toBe('cookie-one [secret] [secret]');
  });

  it('keeps those of one credential apart from those of another one', () => {
    const { issued, mask } = open();
    issued.keep(keyOf('a'), { generation: 1, values: ['cookie-one'] });
    issued.keep(keyOf('b'), { generation: 1, values: ['cookie-two'] });
    expect(mask('cookie-one cookie-two')).toBe('[secret] [secret]');
  });

  it('is not taken back by an answer that comes late', () => {
    const { issued, mask } = open();
    issued.keep(keyOf('a'), { generation: 2, values: ['cookie-new'] });
    issued.keep(keyOf('a'), { generation: 1, values: ['cookie-old'] });
    expect(mask('cookie-new cookie-old')).toBe('[secret] cookie-old');
  });

  it('remembers ten thousand credentials, the latest', () => {
    const { issued, mask } = open();
    for (let index = 0; index <= 10_000; index += 1) {
      issued.keep(keyOf(`k${index}`), { generation: 1, values: [`cookie-of-${index}-end`] });
    }
    expect(mask('cookie-of-0-end cookie-of-1-end cookie-of-10000-end')).toBe('cookie-of-0-end [secret] [secret]');
  });
});
