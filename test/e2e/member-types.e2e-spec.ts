import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type GuardedMember, KINDS, type SeenRequest, startGuardedMember } from '#builder/testing';
import { callTool, sendModern, toolNames } from '../fixtures/mcp-clients.js';
import { type Credential, FIXED, RENEWED, carries } from '../fixtures/credential-schemes.js';
import { sent } from '../fixtures/openapi-member.js';
import { type ComposerProcess, startComposer } from '../support/composer-process.js';

let composer: ComposerProcess;
beforeAll(async () => void (composer = await startComposer()), 60_000);
afterAll(() => composer.stop());

describe.each(KINDS)('a member of type %s', (kind) => {
  let member: GuardedMember;
  beforeEach(async () => void (member = await startGuardedMember(kind)));
  afterEach(async () => {
    await composer.api('DELETE', '/api/v1/servers/guarded');
    await member.close();
  });

  const register = (more: object) => composer.api('POST', '/api/v1/servers', member.config('guarded', more));
  const greet = (name: string) =>
    callTool(composer.url, `guarded_${member.tool('guarded')}`, member.argumentsFor(name));

  describe.each([...FIXED, ...RENEWED])('with %s', (_, start) => {
    let credential: Credential;
    beforeEach(async () => void (credential = await start(kind)));
    afterEach(() => credential.close?.());

    it('gets exactly its credential with every request', async () => {
      member.guard = (request) => (credential.admits(request) ? undefined : credential.refusal());
      const { status, body } = await register(credential.config);
      expect({ status, problem: body._meta?.problem }).toEqual({ status: 201 });
      expect(await toolNames(composer.url)).toContain(`guarded_${member.tool('guarded')}`);

      const result = await greet('Ada');
      expect({ isError: result.isError, text: result.content[0].text }).toEqual({
        text: expect.stringContaining('Hello, Ada!'),
      });
      expect(member.calls()).toHaveLength(1);
      expect(member.requests.filter((request) => !credential.admits(request))).toEqual([]);
      const shown = [result, body, (await composer.api('GET', '/api/v1/servers/guarded')).body];
      expect(JSON.stringify(shown)).not.toContain(credential.secret);
    });

    it('is called once, or once more with what was renewed, where it wants another one', async () => {
      await register(credential.config);
      await greet('Ada');
      member.forget();
      credential.lapse?.();
      const isRenewed = credential.lapse !== undefined;
      member.guard = (request) => (isRenewed && credential.admits(request) ? undefined : credential.refusal());
      const result = await greet('Ada');
      const calls = isRenewed ? 2 : 1;
      expect({ calls: member.calls().length, greetings: member.greetings() }).toEqual({ calls, greetings: calls - 1 });
      expect(result.isError ?? false).toBe(!isRenewed);
      expect(result.content[0].text).toContain(isRenewed ? 'Hello, Ada!' : '401');
      expect(JSON.stringify(result)).not.toContain(credential.secret);
      const { body } = await composer.api('GET', '/api/v1/servers/guarded/health');
      expect(body.state).toBe(isRenewed ? 'ok' : 'auth_required');
    });
  });

  it('takes a credential for a single tool in place of its own', async () => {
    const own = { auth_strategy: 'bearer', auth: { token: 'member-token' } };
    const tool = { auth_strategy: 'apikey', auth: { apikey: 'tool-key', name: 'X-Tool' } };
    await register({ ...own, tool_auth: { [member.tool('guarded')]: tool } });
    const result = await greet('Ada');
    expect(result.content[0].text).toContain('Hello, Ada!');
    const isCall = (request: SeenRequest) => member.calls().includes(request);
    for (const request of member.requests) {
      const isOwn = carries(request, { header: ['authorization', 'Bearer member-token'] });
      const isOfTool = carries(request, { header: ['x-tool', 'tool-key'] });
      // A session is opened with the credential that is used in it.
      expect([request.url, isOwn, isOfTool]).toEqual([request.url, !isOfTool, isOfTool]);
      if (isCall(request)) expect(isOfTool).toBe(true);
      if (request.body.includes('"tools/list"')) expect(isOwn).toBe(true);
    }
  });

  it('gets static headers, and inbound ones that are listed, but not the credential of the caller', async () => {
    await register({ headers: { 'X-Team': 'blue' }, forward_headers: ['x-request-id'] });
    const own = { authorization: 'Bearer callers-own', cookie: 'a=b', 'x-request-id': '7', 'x-other': '8' };
    const params = { name: `guarded_${member.tool('guarded')}`, arguments: member.argumentsFor('Ada') };
    await sendModern(composer.url, { id: 1, method: 'tools/call', params }, own);
    const [call] = member.calls();
    expect(['x-team', 'x-request-id', 'x-other'].map((name) => sent(call!, name))).toEqual([['blue'], ['7'], []]);
    expect(carries(call!, {})).toBe(true);
  });
});
