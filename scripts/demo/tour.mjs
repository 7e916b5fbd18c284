import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Person } from './person.mjs';
import { credentialsIn } from './strategies.mjs';

/** The two eras of the protocol: with a handshake and a session, and without. */
export const ERAS = ['2025-11-25', '2026-07-28'];
/** How the official MCP test server is reached: today's way, and the one before. */
export const TRANSPORTS = [
  { id: 'everything', type: 'http', argument: 'streamableHttp', path: '/mcp', seen: 'MCP over HTTP' },
  { id: 'everything-sse', type: 'sse', argument: 'sse', path: '/sse', seen: 'MCP over HTTP+SSE' },
];
export const DEADLINE_MS = 10_000;

/** The official SDK client, connected to the composer in each era. */
export async function connectClients(mcpUrl) {
  const clients = [];
  for (const era of ERAS) {
    const negotiation = era === '2026-07-28' ? { versionNegotiation: { mode: { pin: era } } } : {};
    const client = new Client({ name: 'mcp-composer-demo', version: '1.0.0' }, negotiation);
    await client.connect(new StreamableHTTPClientTransport(new URL(mcpUrl)));
    clients.push(client);
  }
  return clients;
}

/** Registers a member over REST, as an administrator would. */
export async function register({ url }, config) {
  const response = await fetch(`${url}/api/v1/servers`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(config),
    signal: AbortSignal.timeout(DEADLINE_MS),
  });
  if (!response.ok) throw new Error(`${config.id} was not registered: ${(await response.json()).detail}`);
}

export function greeterConfig({ id, auth_strategy, auth, layered = false }, { url }) {
  const open_api = { endpoint: url, spec_url: `${url}/openapi.json`, layered };
  return { id, type: 'openapi', open_api, auth_strategy, auth };
}

/**
 * Calls the greeter of one member in each era, and compares what it answered and what it saw. A credential that can be
 * ended is ended in between: the second call is refused once and comes again with a new one.
 */
export async function visitGreeter(clients, member, greeter) {
  const { id, auth_strategy, end, needsPerson, tool = 'say_hello', layered } = member;
  const named = (era) => ({ name: nameOf(era) });
  const argumentsFor = layered ? (era) => ({ service: 'say_hello', request: { query_params: named(era) } }) : named;
  const called = await callEach(clients, `${id}_${tool}`, { argumentsFor, between: end });
  return greeted({ id, auth_strategy, end, needsPerson, ...called }, greeter);
}

/** A member that nobody has connected answers with the page where that is done; a person goes there and agrees. */
export async function connectMember(client, { id }, { url }) {
  const name = `${id}_say_hello`;
  const answer = textOf(await client.callTool({ name, arguments: { name: 'nobody' } }, { timeout: DEADLINE_MS }));
  const [link] = /http\S+\/connect\/\S+/.exec(answer) ?? [];
  if (link !== connectLink({ url }, id)) throw new Error(`${id} did not say where to connect it: ${answer}`);
  const page = await new Person().connect(link);
  if (!page.includes('is connected')) throw new Error(`${id} was not connected: ${page}`);
}

export const connectLink = ({ url }, id) => `${url}/connect/${id}`;

/** The same of the GraphQL service, one of whose tools is the field that greets. */
export async function visitGraphql(clients, greeter) {
  const { id, auth_strategy } = greeter.config;
  const argumentsFor = (era) => ({ name: nameOf(era) });
  const called = await callEach(clients, `${id}_greeting`, { argumentsFor });
  return greeted({ id, auth_strategy, ...called }, greeter);
}

export const nameOf = (era) => `Ada of ${era.slice(0, 4)}`;

function greeted({ id, auth_strategy, end, needsPerson, tool, texts, times, isFound }, { calls }) {
  const isRight = ERAS.every((era, index) => texts[index]?.includes(`Hello, ${nameOf(era)}!`));
  const seen = calls.length > 0 ? credentialsIn(calls.at(-1)) : 'no call';
  const verdicts = calls.map(({ isKnown }) => isKnown).join();
  const wasKnown = verdicts === (end ? 'true,false,true' : 'true,true');
  return {
    id,
    strategy: auth_strategy,
    tool,
    seen,
    times,
    outcome: ['ok', ...(needsPerson ? ['connected'] : []), ...(end ? ['renewed'] : [])].join(', '),
    ok: isFound && isRight && wasKnown,
    answer: texts.join(' '),
  };
}

/** Calls the echo tool of the MCP server behind the composer. */
export async function visitEverything(clients, { id, seen }) {
  const argumentsFor = (era) => ({ message: `over ${era}` });
  const { tool, texts, times, isFound } = await callEach(clients, `${id}_echo`, { argumentsFor });
  const ok = isFound && ERAS.every((era, index) => texts[index]?.includes(`over ${era}`));
  return { id, strategy: 'none', tool, seen, times, ok, answer: texts.join(' ') };
}

/** A wrong credential must reach the service, be refused by it, and be told to the caller. */
export async function visitRefused(client, { id, auth_strategy }, greeter) {
  const tool = `${id}_say_hello`;
  const started = performance.now();
  const result = await client.callTool({ name: tool, arguments: { name: 'Mallory' } }, { timeout: DEADLINE_MS });
  const times = [performance.now() - started];
  const answer = textOf(result);
  const [call] = greeter.calls;
  const ok = greeter.calls.length === 1 && !call.isKnown && result.isError === true && answer.includes('401');
  const seen = call ? credentialsIn(call) : 'no call';
  return { id, strategy: auth_strategy, tool, seen, times, ok, outcome: 'refused: 401', answer };
}

/** Calls a tool in each era. */
export async function callEach(clients, name, { argumentsFor, between = () => undefined }) {
  const texts = [];
  const times = [];
  let isFound = true;
  for (const [index, client] of clients.entries()) {
    const { tools } = await client.listTools();
    isFound &&= tools.some((tool) => tool.name === name);
    const started = performance.now();
    const result = await client.callTool({ name, arguments: argumentsFor(ERAS[index]) }, { timeout: DEADLINE_MS });
    times.push(performance.now() - started);
    texts.push(result.isError ? `failed: ${textOf(result)}` : textOf(result));
    if (index < clients.length - 1) between();
  }
  return { tool: name, texts, times, isFound };
}

/** What a result says in words. */
export const textOf = ({ content }) =>
  content
    .filter(({ type }) => type === 'text')
    .map(({ text }) => text)
    .join(' ');
