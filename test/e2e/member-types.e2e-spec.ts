import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type GuardedMember, KINDS, type SeenRequest, UNAUTHORIZED, startGuardedMember } from '#builder/testing';
import { callTool, sendModern, toolNames } from '../fixtures/mcp-clients.js';
import { sent } from '../fixtures/openapi-member.js';
import { type ComposerProcess, startComposer } from '../support/composer-process.js';

/** What a credential leaves on a request: byte by byte, once, and nothing else. */
interface Mark {
  /** A header and its one value. */
  readonly header?: readonly [name: string, value: string];
  /** A member of the query as it stands there. */
  readonly query?: string;
}

/** A credential that is ready to be used. */
interface Credential {
  readonly config: { readonly auth_strategy: string; readonly auth: Readonly<Record<string, unknown>> };
  /** As members want it now. */
  mark(): Mark;
  /** What must be found in no answer. */
  readonly secret: string;
  /** From now on members want the next one; absent for those that stay as they are. */
  lapse?(): void;
  close?(): Promise<void>;
}

type Scheme = readonly [name: string, start: () => Promise<Credential>];

function fixed(config: Credential['config'], mark: Mark, secret: string): Scheme {
  const name = `${config.auth_strategy} ${JSON.stringify(config.auth)}`;
  return [name, async () => ({ config, mark: () => mark, secret })];
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** Every strategy, in every place that it has. To prove another one on every type of member, add its scheme. */
const SCHEMES: readonly Scheme[] = [
  fixed(
    { auth_strategy: 'basic', auth: { username: 'ann', password: 'pass:wörd' } },
    { header: ['authorization', `Basic ${base64('ann:pass:wörd')}`] },
    'pass:wörd',
  ),
  fixed({ auth_strategy: 'bearer', auth: { token: 'tok-1' } }, { header: ['authorization', 'Bearer tok-1'] }, 'tok-1'),
  fixed(
    { auth_strategy: 'apitoken', auth: { token: 'tok-2', auth_prefix: 'Token' } },
    { header: ['authorization', 'Token tok-2'] },
    'tok-2',
  ),
  fixed(
    { auth_strategy: 'apikey', auth: { apikey: 'key-1', name: 'X-Secret' } },
    { header: ['x-secret', 'key-1'] },
    'key-1',
  ),
  fixed(
    { auth_strategy: 'apikey', auth: { apikey: 'key 2/&=', in: 'query', name: 'api key' } },
    { query: 'api+key=key+2%2F%26%3D' },
    'key 2/&=',
  ),
  fixed(
    { auth_strategy: 'apikey', auth: { apikey: 'key-3', in: 'cookie', name: 'sid' } },
    { header: ['cookie', 'sid=key-3'] },
    'key-3',
  ),
];

/** Headers that could carry a credential. */
const CARRIERS = ['authorization', 'cookie', 'x-api-key', 'x-secret', 'x-tool', 'proxy-authorization'];

function carries(request: SeenRequest, { header: [name, value] = ['', ''], query }: Mark): boolean {
  const found = CARRIERS.flatMap((carrier) => sent(request, carrier).map((text) => `${carrier}: ${text}`));
  const wanted = name === '' ? [] : [`${name}: ${value}`];
  const pairs = (request.url.split('?')[1] ?? '').split('&').filter((pair) => /key/i.test(pair));
  return found.join('\n') === wanted.join('\n') && pairs.join('&') === (query ?? '');
}

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

  describe.each(SCHEMES)('with %s', (_, start) => {
    let credential: Credential;
    const passes = (request: SeenRequest) => carries(request, credential.mark());
    beforeEach(async () => void (credential = await start()));
    afterEach(() => credential.close?.());

    it('gets exactly its credential with every request', async () => {
      member.guard = (request) => (passes(request) ? undefined : UNAUTHORIZED);
      const { status, body } = await register(credential.config);
      expect({ status, problem: body._meta?.problem }).toEqual({ status: 201 });
      expect(await toolNames(composer.url)).toContain(`guarded_${member.tool('guarded')}`);

      const result = await greet('Ada');
      expect({ isError: result.isError, text: result.content[0].text }).toEqual({
        text: expect.stringContaining('Hello, Ada!'),
      });
      expect(member.calls()).toHaveLength(1);
      expect(member.requests.filter((request) => !passes(request))).toEqual([]);
      const shown = [result, body, (await composer.api('GET', '/api/v1/servers/guarded')).body];
      expect(JSON.stringify(shown)).not.toContain(credential.secret);
    });

    it('is called once, or once more with what was renewed, where it wants another one', async () => {
      await register(credential.config);
      await greet('Ada');
      member.forget();
      credential.lapse?.();
      const isRenewed = credential.lapse !== undefined;
      member.guard = (request) => (isRenewed && passes(request) ? undefined : UNAUTHORIZED);
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
      const header = isCall(request)
        ? (['x-tool', 'tool-key'] as const)
        : (['authorization', 'Bearer member-token'] as const);
      expect({ url: request.url, carries: carries(request, { header }) }).toEqual({ url: request.url, carries: true });
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
