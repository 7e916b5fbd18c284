import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { type AskingMember, startAskingMember } from '../fixtures/asking-member.js';
import { eventually } from '../fixtures/eventually.js';
import { type HttpAnswer, MODERN } from '../fixtures/mcp-clients.js';
import { TenantClient, commandLines, hostedEnv, keyCommand } from '../fixtures/tenant-client.js';
import { type TwoRoles, openTwoRoles } from '../fixtures/two-roles.js';
import { type ComposerProcess, startComposer } from '../support/composer-process.js';
import { freePorts } from '../support/free-ports.js';

const CAPABILITIES = { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} };
const NAMED = { action: 'accept', content: { name: 'Ann' } } as const;
const SAMPLED = { role: 'assistant', content: { type: 'text', text: 'hi' }, model: 'm' } as const;
const ROOTS = { roots: [{ uri: 'file:///r' }] };

describe('a client of revision 2026-07-28 and a member that asks in the middle of a request', () => {
  let database: TwoRoles;
  let env: Record<string, string>;
  let composer: ComposerProcess;
  let member: AskingMember;
  let admin: TenantClient;
  /** Two callers of one tenant. */
  const callers: { client: TenantClient; principal: string; keyId: string }[] = [];
  const clients: Client[] = [];
  let unansweredBefore = 0;

  beforeAll(async () => {
    const [port = 0] = await freePorts(1);
    [member, database] = await Promise.all([startAskingMember(), openTwoRoles()]);
    env = { ...hostedEnv(database.env), PORT: String(port) };
    const [, , { key }] = await commandLines(env, [
      ['migrate'],
      ['tenant', 'create', 'acme'],
      keyCommand('acme', 'admin'),
    ]);
    composer = await startComposer({ env });
    admin = new TenantClient(composer, key);
    const config = { id: 'old', type: 'http', endpoint: member.url };
    expect((await admin.api('POST', '/servers', config)).status).toBe(201);
    for (const name of ['ann', 'bob']) {
      const { json: principal } = await admin.api('POST', '/principals', { name, roles: ['caller'] });
      const { json: given, status } = await admin.api('POST', '/api-keys', { principal: principal.id });
      expect(status).toBe(201);
      const client = new TenantClient(composer, given.key);
      callers.push({ client, principal: principal.id, keyId: given.id });
    }
  }, 120_000);
  afterAll(async () => {
    await composer?.stop();
    await member?.close();
    await database?.remove();
  });
  beforeEach(() => void (unansweredBefore = member.unanswered()));
  afterEach(async () => void (await Promise.all(clients.splice(0).map((client) => client.close()))));

  /** The official client. Gives what it was asked, too. */
  async function official(capabilities: object = CAPABILITIES) {
    const client = new Client(
      { name: 'e2e', version: '1' },
      { capabilities, versionNegotiation: { mode: { pin: MODERN } } },
    );
    const asked: unknown[] = [];
    const declared = Object.keys(capabilities);
    if (declared.includes('elicitation')) {
      client.setRequestHandler('elicitation/create', ({ params }) => {
        asked.push(params);
        if (params.mode === 'url') member.visit();
        return params.mode === 'url' ? { action: 'accept' } : NAMED;
      });
    }
    if (declared.includes('sampling')) client.setRequestHandler('sampling/createMessage', () => SAMPLED);
    if (declared.includes('roots')) client.setRequestHandler('roots/list', () => ROOTS);
    const headers = { authorization: `Bearer ${callers[0]!.client.key}` };
    await client.connect(new StreamableHTTPClientTransport(new URL(composer.mcpUrl), { requestInit: { headers } }));
    clients.push(client);
    return { client, asked };
  }

  const saidBy = (result: unknown): unknown =>
    JSON.parse((result as { content: { text: string }[] }).content[0]!.text) as unknown;

  const call = (
    params: Record<string, unknown> = {},
    { by = 0, name = 'old_ask' }: { by?: number; name?: string } = {},
  ) => {
    const _meta = {
      'io.modelcontextprotocol/protocolVersion': MODERN,
      'io.modelcontextprotocol/clientCapabilities': CAPABILITIES,
    };
    return callers[by]!.client.rpc('tools/call', { name, arguments: { what: 'Who' }, ...params, _meta });
  };
  /** A call that is parked, and what the client comes back with. */
  async function parked(by = 0) {
    const { json } = await call({}, { by });
    expect(json.result).toMatchObject({ resultType: 'input_required', requestState: expect.any(String) });
    const { requestState, inputRequests } = json.result as { requestState: string; inputRequests: object };
    return { requestState, inputResponses: { [Object.keys(inputRequests)[0]!]: NAMED } };
  }
  const isRefused = ({ json }: HttpAnswer, text: string) =>
    expect(json.error).toMatchObject({ code: -32602, message: expect.stringContaining(text) });
  const freed = () => eventually(() => expect(member.unanswered()).toBe(unansweredBefore + 1));

  it('get along: the official client answers, and its call goes on', async () => {
    const { client, asked } = await official();
    const result = await client.callTool({ name: 'old_ask', arguments: { what: 'Who' } });
    expect(saidBy(result)).toEqual(NAMED);
    expect(asked).toEqual([expect.objectContaining({ message: 'Server "old" asks: Who?' })]);
  });

  it('get along with everything that can be asked', async () => {
    const { client } = await official();
    expect(saidBy(await client.callTool({ name: 'old_ask_all', arguments: {} }))).toEqual([NAMED, SAMPLED, ROOTS]);
  });

  it('get along in the middle of reading a resource', async () => {
    const { client } = await official();
    const { contents } = await client.readResource({ uri: 'ask://note' });
    expect(contents).toEqual([{ uri: 'ask://note', text: JSON.stringify(NAMED) }]);
  });

  it('get along where a person has to open a page first', async () => {
    const { client, asked } = await official();
    const result = await client.callTool({ name: 'old_sign_in', arguments: {} });
    expect(saidBy(result)).toBe('signed in');
    const url = 'https://asking.example/sign-in?state=1';
    expect(asked).toEqual([{ mode: 'url', message: 'Server "old" asks: Sign in.', url }]);
  });

  it('ask nothing that the client has not declared', async () => {
    const { client, asked } = await official({ roots: {} });
    const result = await client.callTool({ name: 'old_ask', arguments: { what: 'Who' } });
    expect([result.isError, asked]).toEqual([true, []]);
  });

  it('let nobody but the caller go on, and the caller only with the same call, once', async () => {
    const mine = await parked();
    isRefused(await call(mine, { by: 1 }), 'not given for this call');
    isRefused(await call({ ...mine, arguments: { what: 'Whom' } }), 'not given for this call');
    isRefused(await call(mine, { name: 'old_ask_all' }), 'not given for this call');
    isRefused(await call({ ...mine, requestState: `${mine.requestState}x` }), 'not given for this call');
    isRefused(await call({ ...mine, inputResponses: { 'question-1': 7 } }), 'inputResponses');
    const { json } = await call(mine);
    expect(saidBy(json.result)).toEqual(NAMED);
    expect(json.result.resultType).toBe('complete');
    isRefused(await call(mine), 'make the call again');
    expect(member.unanswered()).toBe(unansweredBefore);
  });

  it('leave one record of a call, with its end', async () => {
    const actor = callers[1]!.principal;
    await call(await parked(1), { by: 1 });
    await eventually(async () => {
      const { json } = await admin.api('GET', '/audit?action=tool.called');
      const mine = (json.items as { outcome: string }[]).filter((event) => JSON.stringify(event).includes(actor));
      // What the same caller was refused above was another's call, and none of its own.
      expect(mine.map(({ outcome }) => outcome)).toEqual(['done']);
    });
  });

  it('end when the caller’s key is revoked', async () => {
    const mine = await parked(1);
    expect((await admin.api('DELETE', `/api-keys/${callers[1]!.keyId}`)).status).toBe(204);
    await freed();
    expect((await call(mine, { by: 1 })).status).toBe(401);
  });

  it('end with the composer, and the caller learns that it has to call again', async () => {
    const mine = await parked();
    await composer.kill('SIGTERM');
    await freed();
    composer = await startComposer({ env });
    isRefused(await call(mine), 'make the call again');
    expect(saidBy((await call(await parked())).json.result)).toEqual(NAMED);
  }, 60_000);
});
