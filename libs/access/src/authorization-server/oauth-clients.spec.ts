import { principalId } from '#kernel';
import { SYSTEM } from '#tenancy';
import { principalOf } from '#tenancy/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  ACME,
  type OpenAuthorizationServer,
  openAuthorizationServer,
} from '../../testing/open-authorization-server.js';

let server: OpenAuthorizationServer;

beforeAll(async () => {
  server = await openAuthorizationServer();
  for (const role of ['caller', 'operator']) {
    const draft = { tenantId: ACME, id: principalId(role), kind: 'service', name: role, roles: [role] } as const;
    await server.people.insert(draft, { action: 'principal.created', actor: SYSTEM });
  }
});
afterAll(() => server?.close());

const admin = principalOf('admin', { tenantId: ACME, roles: ['admin'] });
const create = (input: object, by = admin) => server.clients.create(by, { name: 'Robot', ...input });

describe('OauthClients', () => {
  it.each(['', 'nobody', 'a b', '\0', '\ud800'])('makes no client for the principal %j', async (principal_id) => {
    await expect(create({ principal_id })).rejects.toMatchObject({ status: 422, faults: [{ path: 'principal_id' }] });
  });

  it('makes one for an operator for operators alone', async () => {
    const input = { principal_id: 'operator' };
    await expect(create(input)).rejects.toMatchObject({ code: 'COMPOSER_GRANT_FORBIDDEN', status: 403 });
    const operator = { ...admin, roles: ['operator'] };
    expect(await create(input, operator)).toMatchObject(input);
  });

  it('gives no scope that its maker’s credential has not', async () => {
    const input = { principal_id: 'caller', scope: 'mcp manage' };
    await expect(create(input, { ...admin, scopes: ['manage'] })).rejects.toMatchObject({ status: 403 });
    expect(await create(input)).toMatchObject({ scope: 'mcp manage' });
  });

  it('takes no name that a page or a line of the log could show as something else', async () => {
    await expect(create({ principal_id: 'caller', name: 'a\0b' })).rejects.toMatchObject({
      faults: [{ path: 'name' }],
    });
  });
});
