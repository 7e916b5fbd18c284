import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type RealIssuer, startRealIssuer } from '#auth/testing';
import { KINDS, startGuardedMember } from '#builder/testing';
import { callTool } from '../fixtures/mcp-clients.js';
import { ProofGuard } from '../fixtures/proof-guard.js';
import { type ComposerProcess, startComposer } from '../support/composer-process.js';

let composer: ComposerProcess;
let issuer: RealIssuer;

beforeAll(async () => {
  [composer, issuer] = await Promise.all([startComposer(), startRealIssuer({ wantsNonces: true })]);
}, 60_000);
afterAll(() => Promise.all([composer?.stop(), issuer?.stop()]));

const authOf = () => ({
  auth_strategy: 'oauth2',
  auth: { dpop: true, client_id: 'post', client_secret: issuer.secret, token_url: `${issuer.issuer}/token` },
});

describe.each(KINDS)('a member of type %s that takes tokens with a proof alone', (kind) => {
  it('gets one with every request, while its nonces change and the tokens end', async () => {
    const member = await startGuardedMember(kind);
    const proofs = new ProofGuard((authorization) => issuer.takes(authorization));
    member.guard = proofs.guard;
    try {
      const config = member.config('bound', authOf());
      expect(await composer.api('POST', '/api/v1/servers', config)).toMatchObject({ status: 201 });
      const greet = async () => {
        const result = await callTool(composer.url, `bound_${member.tool('bound')}`, member.argumentsFor('Ada'));
        return result.content[0].text;
      };
      expect(await greet()).toContain('Hello, Ada!');
      proofs.changeNonce();
      expect(await Promise.all([greet(), greet(), greet()])).toEqual(Array(3).fill(expect.stringContaining('Hello')));
      const asked = issuer.requests.length;
      expect(await greet()).toContain('Hello, Ada!');
      expect(issuer.requests).toHaveLength(asked);
      issuer.expireAll();
      expect(await greet()).toContain('Hello, Ada!');
      expect(issuer.requests.length).toBeGreaterThan(asked);
      expect(member.greetings()).toBe(6);
      expect(await proofs.verify(member.url)).toEqual(expect.any(String));
    } finally {
      await composer.api('DELETE', '/api/v1/servers/bound');
      await member.close();
    }
  });
});
