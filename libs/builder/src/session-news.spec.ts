import 'reflect-metadata';
import { mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setEnvironment } from '#config';
import { principalId, serverId, tenantId } from '#kernel';
import { until } from '#persistence/testing';
import { SYSTEM } from '#tenancy';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { AskedReply } from '../testing/asked-reply.js';
import { clientOf } from '../testing/client-of.js';
import { type McpOrigin, answerCall, eventStream, mcpOrigin } from '../testing/mcp-origin.js';
import { type OpenPool, openPool } from '../testing/open-pool.js';
import { type OpenStream, type SseOrigin, sseOrigin, textResult } from '../testing/sse-origin.js';
import type { ClientFlag } from './client-facts.js';
import { parseMessage } from './json-rpc/json-rpc-message.js';

const acme = tenantId('acme');
const crm = { tenantId: acme, serverId: serverId('crm') };
const NOTE = 'note://1';
const UPDATED = { method: 'notifications/resources/updated', params: { uri: NOTE } };
const CAPABILITIES = { tools: { listChanged: true }, resources: { subscribe: true } };

let opened: OpenPool;
let seen: string[];
const member = () => opened.pool.find(crm)!.member!;
const register = (config: object) =>
  opened.registry.register(
    acme,
    { id: 'crm', timeout: 10, health_check: { enabled: false }, ...config },
    { by: SYSTEM },
  );
const callerOf = (who: string, flags: readonly ClientFlag[] = ['roots']) => ({
  principalId: principalId(who),
  client: clientOf('legacy', ...flags),
});
const watch = (who: string, flags?: readonly ClientFlag[]) =>
  member().watch(NOTE, callerOf(who, flags), () => seen.push(who));
const saw = (...who: string[]) =>
  until(() => seen.length >= who.length, `the news of ${who.join()}`).then(() => expect(seen.splice(0)).toEqual(who));

function call(who: string, flags?: readonly ClientFlag[], args: object = {}) {
  const reply = new AskedReply();
  const params = JSON.stringify({ name: 'echo', arguments: args });
  const text = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":${params}}`;
  const message = parseMessage(Buffer.from(text));
  const request = { method: 'tools/call', target: 'echo', message, headers: {}, ...callerOf(who, flags) } as const;
  return Object.assign(reply, { running: member().request(request, reply) });
}

beforeEach(() => void (seen = []));

describe('what a member over Streamable HTTP tells in the session of a call', () => {
  let origin: McpOrigin;
  let listening: {
    readonly session: string;
    readonly say: (message: object) => void;
    readonly response: ServerResponse;
  }[];
  const sent = (method: string) =>
    origin.asked
      .filter(({ message, method: verb }) => (message?.method ?? verb) === method)
      .map(({ headers }) => String(headers['mcp-session-id']));
  const streamOf = (session: string | undefined) => listening.filter((one) => one.session === session).at(-1)!;

  beforeEach(async () => {
    listening = [];
    origin = await mcpOrigin('echo');
    origin.facts = { capabilities: CAPABILITIES };
    origin.onListen = (response, session) => {
      // A server of the official SDK takes one such stream, and refuses another.
      const isOpen = listening.some((one) => one.session === session && !one.response.closed);
      if (isOpen) return void response.writeHead(409).end();
      listening.push({ session, say: eventStream(response), response });
    };
    origin.intercept = ({ id, method }, response) => {
      if (!method?.endsWith('subscribe')) return false;
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ jsonrpc: '2.0', id, result: {} }));
      return true;
    };
    opened = await openPool({ speed: 20 });
    await register({ type: 'http', endpoint: `${origin.url}/mcp` });
  });
  afterEach(async () => {
    await opened.close();
    await origin.close();
  });

  it('goes to the caller whose session it is, and to nobody else', async () => {
    await Promise.all([watch('ann'), watch('bob')]);
    await call('ann').answered;
    const [ann] = sent('tools/call');
    const [bob] = sent('resources/subscribe').filter((session) => session !== ann);
    expect(sent('resources/subscribe').sort()).toEqual([ann, bob].sort());
    expect(ann).not.toBe(bob);
    streamOf(ann).say(UPDATED);
    await saw('ann');
    streamOf(bob).say(UPDATED);
    await saw('bob');
  });

  it('comes on the one stream of the session, on which the member asks as well', async () => {
    let answer: (() => void) | undefined;
    origin.onCall = ({ id }, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      answer = () => response.end(JSON.stringify({ jsonrpc: '2.0', id, result: { content: [] } }));
    };
    const stops = [await watch('ann')];
    const reply = call('ann');
    await until(() => answer !== undefined, 'the call');
    const [session] = sent('tools/call');
    streamOf(session).say({ id: 'q', method: 'roots/list' });
    await until(() => reply.asked.length === 1, 'the question');
    streamOf(session).say(UPDATED);
    await saw('ann');
    streamOf(session).say({ method: 'notifications/elicitation/complete', params: { elicitationId: 'e' } });
    await until(() => reply.events.some((event) => event.includes('elicitation/complete')), 'the end of a page');
    for (const stop of stops) stop();
    answer!();
    await reply.answered;
    await until(() => sent('resources/unsubscribe').length === 1, 'the end of the subscription');
    expect([sent('GET'), sent('resources/unsubscribe')]).toEqual([[session], [session]]);
  });

  it('may come on the stream of an answer', async () => {
    origin.onCall = ({ id }, response) => {
      const say = eventStream(response);
      say(UPDATED);
      say({ id, result: { content: [] } });
      response.end();
    };
    await watch('ann');
    await call('ann').answered;
    await saw('ann');
  });

  it('is asked for in the session that takes the place of one that is lost, and is told as if it had happened', async () => {
    await watch('ann');
    const [before] = sent('resources/subscribe');
    origin.forgetSessions();
    streamOf(before).response.end();
    await saw('ann');
    const after = sent('resources/subscribe').at(-1);
    expect(after).not.toBe(before);
    streamOf(after).say(UPDATED);
    await saw('ann');
  });

  it('is of lists where somebody listens, whatever the caller can be asked', async () => {
    const lists: string[] = [];
    opened.pool.onChange((_, changed) => lists.push(...changed));
    member().listen(true);
    for (const flags of [[], ['roots']] as const) {
      await call('ann', flags).answered;
      const session = sent('tools/call').at(-1);
      streamOf(session).say({ method: 'notifications/tools/list_changed' });
      await until(() => lists.splice(0).includes('tools'), 'the news');
    }
  });

  it('goes to callers that cannot be asked anything in the session that they share', async () => {
    await Promise.all([watch('ann', []), watch('bob', [])]);
    let answer: (() => void) | undefined;
    origin.onCall = (message, response) => void (answer = () => answerCall(message, response, 'done'));
    const reply = call('ann', []);
    await until(() => answer !== undefined, 'the call');
    const [session] = sent('tools/call');
    expect(sent('resources/subscribe')).toEqual([session]);
    // Of whose question, nobody can say.
    streamOf(session).say({ method: 'notifications/elicitation/complete', params: { elicitationId: 'e' } });
    streamOf(session).say(UPDATED);
    await saw('ann', 'bob');
    answer!();
    await reply.answered;
    expect(reply.events).toEqual([]);
  });

  it('is heard of so many sessions, and of the composer’s own for everybody else', async () => {
    for (let n = 0; n < 34; n++) await watch(`caller ${n}`);
    const sessions = sent('resources/subscribe');
    expect([sessions.length, new Set(sessions).size]).toEqual([33, 33]);
    streamOf(sessions.at(-1)).say(UPDATED);
    await saw('caller 32', 'caller 33');
  });
});

describe('what a member over HTTP+SSE tells on the stream of a call', () => {
  let origin: SseOrigin;
  let calls: { readonly id: unknown; readonly stream: OpenStream }[];
  const subscribed = () => origin.methods().filter((method) => method === 'resources/subscribe').length;

  beforeEach(async () => {
    calls = [];
    origin = await sseOrigin('echo');
    const answers: Record<string, object> = {
      initialize: {
        protocolVersion: '2024-11-05',
        capabilities: CAPABILITIES,
        serverInfo: { name: 'o', version: '1' },
      },
      'resources/list': { resources: [] },
      'resources/templates/list': { resourceTemplates: [] },
      'resources/subscribe': {},
      'resources/unsubscribe': {},
    };
    origin.onOther = ({ id, method }, stream) => {
      const result = answers[String(method)];
      if (result) stream.send({ id, result });
    };
    origin.onInitialize = ({ id }, stream) => stream.send({ id, result: answers['initialize'] });
    origin.onCall = ({ id }, stream) => void calls.push({ id, stream });
    opened = await openPool({ speed: 5 });
    await register({ type: 'sse', endpoint: `${origin.url}/sse` });
  });
  afterEach(async () => {
    await opened.close();
    await origin.close();
  });
  const begun = async (who: string, flags?: readonly ClientFlag[]) => {
    const [before, reply] = [calls.length, call(who, flags)];
    await until(() => calls.length > before, 'the call');
    return { ...calls.at(-1)!, reply };
  };

  it.each([['roots'], []] as const)('goes to who watches there, once', async (...flags) => {
    await watch('ann', flags);
    if (flags.length > 0) await watch('bob', flags);
    const { id, stream, reply } = await begun('ann', flags);
    stream.send(UPDATED);
    await saw('ann');
    stream.send({ id, result: textResult('done') });
    await reply.answered;
    stream.send(UPDATED);
    await saw('ann');
    expect(subscribed()).toBe(flags.length > 0 ? 2 : 1);
  });

  it('is asked for anew when the stream of a call that was cancelled is given up', async () => {
    await watch('ann');
    const { stream, reply } = await begun('ann');
    reply.running.cancel();
    await until(() => subscribed() === 2, 'another subscription');
    await saw('ann');
    const next = await begun('ann');
    expect(next.stream).not.toBe(stream);
    next.stream.send(UPDATED);
    await saw('ann');
  });
});

describe('what a process tells in which a call is carried out', () => {
  let folder: string;
  const asked = (what: string) =>
    readFileSync(join(folder, 'notes'), 'utf8')
      .split('\n')
      .filter((line) => line.startsWith(what));

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'mcpc-news-'));
    const node = realpathSync(process.execPath);
    const server = fileURLToPath(new URL('../testing/stdio-server.mjs', import.meta.url));
    setEnvironment({ STDIO_ALLOWLIST: node });
    opened = await openPool({ speed: 5 });
    await register({ type: 'stdio', command: node, args: [server, 'watched', join(folder, 'notes')] });
  });
  afterEach(async () => {
    await opened.close();
    setEnvironment(undefined);
    rmSync(folder, { recursive: true });
  });
  const touch = async (who: string, flags?: readonly ClientFlag[]) =>
    (await call(who, flags, { do: 'touch', uri: NOTE }).answered).result!.content![0]!.text;

  it('goes to who watches there, once, also after a call that was cancelled', async () => {
    await watch('ann');
    await watch('bob');
    const before = await touch('ann');
    await saw('ann');
    const cancelled = call('ann', undefined, { do: 'never' });
    await until(() => asked('tools/call').length === 2, 'the call');
    cancelled.running.cancel();
    await saw('ann');
    expect(await touch('ann')).not.toBe(before);
    await saw('ann');
    expect(asked('resources/subscribe')).toHaveLength(3);
  });

  it('goes to callers that cannot be asked anything at the process that they share', async () => {
    await Promise.all([watch('ann', []), watch('bob', [])]);
    await touch('ann', []);
    await saw('ann', 'bob');
  });
});
