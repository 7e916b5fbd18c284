import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { until } from '#persistence/testing';
import { CookieBrowser } from '#pages/testing';
import { Client, StreamableHTTPClientTransport, UrlElicitationRequiredError } from '@modelcontextprotocol/client';
import { Client as V1Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as V1Transport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import {
  ElicitationCompleteNotificationSchema,
  LoggingMessageNotificationSchema,
  UrlElicitationRequiredError as V1UrlElicitationRequiredError,
} from '@modelcontextprotocol/sdk/types.js';
import { type IdentityProvider, startIdentityProvider } from '../fixtures/identity-provider.js';
import { JSON_HEADERS, MODERN, sendModern } from '../fixtures/mcp-clients.js';
import { pingMember } from '../fixtures/openapi-member.js';
import { type RestService, startRestService } from '../fixtures/rest-service.js';
import { type ComposerProcess, startComposer } from '../support/composer-process.js';
import { freePorts } from '../support/free-ports.js';

const INFO = { name: 'e2e', version: '1' };
const CAPABILITIES = { elicitation: { url: {} } };

let issuer: IdentityProvider;
let service: RestService;
let composer: ComposerProcess;
let url: string;
let count = 0;
/** A member that nobody has connected yet. */
let id: string;
const open: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  const [port = 0] = await freePorts(1);
  url = `http://127.0.0.1:${port}`;
  issuer = await startIdentityProvider(`${url}/connect/callback`);
  service = await startRestService({
    answer: async ({ headers }) => {
      const who = await issuer.whoIs(headers.authorization?.replace(/^Bearer /, '') ?? '');
      return who === undefined ? { status: 401, body: {} } : { body: { who } };
    },
  });
  composer = await startComposer({ env: { PORT: String(port) } });
}, 120_000);
afterAll(async () => {
  await Promise.all([composer?.stop(), issuer?.stop(), service?.stop()]);
});
beforeEach(async () => {
  id = `member${count++}`;
  issuer.person = `person${count}`;
  const { client_id, client_secret } = issuer.client;
  const auth = {
    grant_type: 'authorization_code',
    issuer_url: issuer.issuer,
    client_id,
    client_secret,
    scope: 'openid',
  };
  const made = await composer.api(
    'POST',
    '/api/v1/servers',
    pingMember(id, service.url, { auth_strategy: 'oauth2', auth }),
  );
  expect(made.status).toBe(201);
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((client) => client.close()));
});

/** A person with a browser. */
async function connect(link: string): Promise<void> {
  const browser = new CookieBrowser();
  const page = await browser.follow(link);
  const { next } = await browser.submit(page, 'allow');
  const last = await browser.follow(next!);
  expect([last.status, last.text]).toEqual([200, expect.stringContaining('Go back to your client')]);
}

async function modern(capabilities: object, onElicit?: (params: { mode?: string; url?: string }) => Promise<string>) {
  const options = { versionNegotiation: { mode: { pin: MODERN } }, capabilities };
  const client = new Client(INFO, options);
  if (onElicit) {
    client.setRequestHandler('elicitation/create', async ({ params }) => ({
      action: (await onElicit(params as { mode?: string; url?: string })) as 'accept',
    }));
  }
  await client.connect(new StreamableHTTPClientTransport(new URL(`${url}/mcp`)));
  open.push(client);
  return client;
}

const textOf = (result: unknown): string => (result as { content: { text: string }[] }).content[0]!.text;
const who = (result: unknown): unknown => (JSON.parse(textOf(result)) as { who: unknown }).who;
const ping = () => ({ name: `${id}_ping`, arguments: {} });
const link = () => `${url}/connect/${id}`;

describe('the official client of revision 2026-07-28', () => {
  it('sends its person to the page, and its call goes on by itself once that is done', async () => {
    const asked: object[] = [];
    const client = await modern(CAPABILITIES, async (params) => {
      asked.push(params);
      await connect(params.url!);
      return 'accept';
    });
    const result = await client.callTool(ping());
    expect(result.isError).not.toBe(true);
    expect(who(result)).toBe(issuer.person);
    expect(asked).toEqual([{ mode: 'url', url: link(), message: expect.stringContaining(id) }]);
  });

  it('is asked a bounded number of times, and told in words at last', async () => {
    let asked = 0;
    const client = await modern(CAPABILITIES, async () => {
      asked++;
      return 'accept';
    });
    const result = await client.callTool(ping());
    expect([result.isError, asked]).toEqual([true, 3]);
    expect(textOf(result)).toContain(link());
  });

  it('is not asked again by who has declined', async () => {
    let asked = 0;
    const client = await modern(CAPABILITIES, async () => {
      asked++;
      return 'decline';
    });
    const result = await client.callTool(ping());
    expect([result.isError, asked]).toEqual([true, 1]);
  });

  it.each([[{}], [{ elicitation: { form: {} } }]])('is told in words if it declares %j', async (capabilities) => {
    const client = await modern(capabilities);
    const result = await client.callTool(ping());
    expect(result.isError).toBe(true);
    expect(textOf(result)).toContain(link());
  });

  it('gets nowhere with a state of another call', async () => {
    const meta = {
      'io.modelcontextprotocol/protocolVersion': MODERN,
      'io.modelcontextprotocol/clientCapabilities': CAPABILITIES,
    };
    const ask = (params: Record<string, unknown>) =>
      sendModern(url, { id: 1, method: 'tools/call', params: { ...params, _meta: meta } });
    const { json } = await ask(ping());
    expect(json.result).toMatchObject({ resultType: 'input_required', requestState: expect.any(String) });
    const { requestState } = json.result;
    const inputResponses = { connect: { action: 'accept' } };
    const other = await ask({ name: 'list_servers', arguments: {}, requestState, inputResponses });
    expect(other.json.error).toMatchObject({ code: -32602 });
    expect((await ask({ ...ping(), requestState, inputResponses })).json.result.resultType).toBe('input_required');
  });
});

describe.each([
  ['v2', async () => new Client(INFO, { capabilities: CAPABILITIES }), UrlElicitationRequiredError],
  ['v1', async () => new V1Client(INFO, { capabilities: CAPABILITIES }), V1UrlElicitationRequiredError],
] as const)('the official client %s of revision 2025-11-25', (version, make, expected) => {
  it('learns which elicitation comes first, hears when it is done, and calls again', async () => {
    const done: string[] = [];
    const client = await make();
    const transport =
      version === 'v1'
        ? new V1Transport(new URL(`${url}/mcp`))
        : new StreamableHTTPClientTransport(new URL(`${url}/mcp`));
    if (client instanceof V1Client) {
      client.setNotificationHandler(
        ElicitationCompleteNotificationSchema,
        ({ params }) => void done.push(params.elicitationId),
      );
    } else {
      client.setNotificationHandler(
        'notifications/elicitation/complete',
        ({ params }) => void done.push(params.elicitationId),
      );
    }
    await client.connect(transport);
    open.push(client);
    const error = await client.callTool(ping()).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(expected);
    const [elicitation] = (error as UrlElicitationRequiredError).elicitations;
    expect(elicitation).toMatchObject({ mode: 'url', url: link(), message: expect.stringContaining(id) });
    await connect(elicitation!.url);
    expect(who(await client.callTool(ping()))).toBe(issuer.person);
    await until(async () => done.includes(elicitation!.elicitationId), 'the client hears that it is done', 5_000);
  });
});

describe('a credential that the issuer takes no more', () => {
  const isTold = (told: unknown[]) =>
    until(async () => told.length > 0, 'the client hears of it', 5_000).then(() =>
      expect(told).toContainEqual({
        level: 'warning',
        logger: 'mcp-composer',
        data: { server: id, state: 'reauth_required' },
      }),
    );

  it('is told to legacy clients over their stream, unless they want to hear of worse alone', async () => {
    const [told, spared]: [unknown[], unknown[]] = [[], []];
    for (const [list, level] of [
      [told, undefined],
      [spared, 'error'],
    ] as const) {
      const client = new V1Client(INFO, { capabilities: CAPABILITIES });
      client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => void list.push(params));
      await client.connect(new V1Transport(new URL(`${url}/mcp`)));
      open.push(client);
      if (level) await client.setLoggingLevel(level);
    }
    await connect(link());
    const client = open[0] as V1Client;
    expect(who(await client.callTool(ping()))).toBe(issuer.person);
    issuer.voidAll();
    await expect(client.callTool(ping())).rejects.toBeInstanceOf(V1UrlElicitationRequiredError);
    await isTold(told);
    expect(spared).toEqual([]);
    await connect(link());
    expect(who(await client.callTool(ping()))).toBe(issuer.person);
  });

  it('is told to those who listen, if they ask for warnings', async () => {
    const [told, spared] = [await listen('info'), await listen(undefined)];
    const client = await modern({});
    await connect(link());
    expect(who(await client.callTool(ping()))).toBe(issuer.person);
    issuer.voidAll();
    expect((await client.callTool(ping())).isError).toBe(true);
    const heard = () =>
      told.messages.find(
        ({ method, params }) =>
          method === 'notifications/message' && (params as { data: { server: string } }).data.server === id,
      );
    await until(async () => heard() !== undefined, 'the client hears of it', 5_000);
    expect(heard()!.params).toMatchObject({
      _meta: { 'io.modelcontextprotocol/subscriptionId': 7 },
      level: 'warning',
      logger: 'mcp-composer',
      data: { server: id, state: 'reauth_required' },
    });
    expect(spared.messages.filter(({ method }) => method === 'notifications/message')).toEqual([]);
  });
});

interface Heard {
  readonly messages: { method?: string; params?: object }[];
}

/** Listens for changes, in revision 2026-07-28. */
async function listen(level: string | undefined): Promise<Heard> {
  const heard: Heard = { messages: [] };
  const meta = {
    'io.modelcontextprotocol/protocolVersion': MODERN,
    'io.modelcontextprotocol/clientCapabilities': {},
    ...(level === undefined ? {} : { 'io.modelcontextprotocol/logLevel': level }),
  };
  const params = { _meta: meta, notifications: { toolsListChanged: true } };
  const headers = { ...JSON_HEADERS, 'mcp-protocol-version': MODERN, 'mcp-method': 'subscriptions/listen' };
  const stop = new AbortController();
  const answer = await fetch(`${url}/mcp`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'subscriptions/listen', params }),
    signal: stop.signal,
  });
  open.push({ close: async () => stop.abort() });
  const read = async () => {
    let text = '';
    for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) {
      const events = (text + chunk).split('\n\n');
      text = events.pop()!;
      for (const event of events) {
        const data = /^data: (.*)$/m.exec(event)?.[1];
        if (data !== undefined) heard.messages.push(JSON.parse(data) as Heard['messages'][number]);
      }
    }
  };
  read().catch(() => undefined); // it is broken off at the end
  return heard;
}

it('a client that can do nothing of it is told in words, and calls after that', async () => {
  const client = new V1Client(INFO);
  await client.connect(new V1Transport(new URL(`${url}/mcp`)));
  open.push(client);
  const result = await client.callTool(ping());
  expect([result.isError, textOf(result)]).toEqual([true, expect.stringContaining(link())]);
  await connect(link());
  expect(who(await client.callTool(ping()))).toBe(issuer.person);
});
