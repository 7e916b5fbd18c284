import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Browser } from './browser.mjs';
import { authOf, partOf } from './scenarios.mjs';

const MODERN = '2026-07-28';
const MOST_CONSENTS = 3;
const POLL_MS = 100;
const TOOLS_MS = 10_000;

/**
 * Plays one scenario of the client leg: its server becomes a member of the composer, and an ordinary client does in
 * front of the composer what the scenario wants to see behind it. Rejects with what went wrong on the way.
 */
export async function playScenario(composer, { scenario, revision, serverUrl, context }) {
  const id = `scene-${randomUUID().slice(0, 8)}`;
  const part = partOf(scenario);
  await composer.register({
    id,
    type: 'http',
    endpoint: serverUrl,
    health_check: { enabled: false },
    ...authOf(scenario, context),
  });
  const stand = { composer, id, isModern: revision === MODERN, part };
  try {
    if (part.needsConsent) await connectMember(`${composer.url}/connect/${id}`);
    await act(stand, context);
  } finally {
    await composer.remove(id);
  }
}

async function act(stand, context) {
  const { composer, id, isModern, part } = stand;
  const client = new Client(
    { name: 'conformance-client', version: '1.0.0' },
    { capabilities: part.capabilities ?? {}, versionNegotiation: { mode: isModern ? { pin: MODERN } : 'legacy' } },
  );
  if (part.capabilities?.elicitation) {
    client.setRequestHandler('elicitation/create', () => ({ action: 'accept', content: part.accepts ?? {} }));
  }
  await client.connect(new StreamableHTTPClientTransport(new URL(composer.addressOf(id))));
  try {
    await part.play({
      client,
      context,
      tools: () => offeredTools({ ...stand, client }),
      call: (name, input = {}) => callTool({ ...stand, client }, name, input),
    });
  } finally {
    await client.close();
  }
}

/** A person goes to the page where the member is connected, and agrees. */
const connectMember = (page) => new Browser().connect(page);

/** The page that a text leads to: its query says what is to be agreed to. */
const connectPageIn = (text, { composer, id }) =>
  new RegExp(`${composer.url}/connect/${id}(?:\\?[\\w.%&=~-]*)?`).exec(text)?.[0];

/** Calls a tool; where the answer leads to the page of consent, a person goes there first. */
async function callTool(stand, name, input) {
  for (let consents = 0; ; consents++) {
    const result = await stand.client.callTool({ name, arguments: input });
    const page = result.isError ? connectPageIn(JSON.stringify(result.content), stand) : undefined;
    if (!page) return answered(name, result);
    if (consents === MOST_CONSENTS) throw new Error('the composer asks for consent again and again');
    await connectMember(page);
  }
}

/** What a tool says of its failure is what the report tells if the suite has missed something. */
function answered(name, result) {
  if (result.isError) throw new Error(`${name} failed: ${result.content?.[0]?.text}`);
  return result;
}

/**
 * Waits until the composer has learnt what the member offers, which it does beside the calls. A member that takes the
 * credential no more is connected again.
 */
async function offeredTools(stand) {
  const { composer, client, id, part } = stand;
  const giveUp = performance.now() + TOOLS_MS;
  for (let consents = 1; ;) {
    const { tools } = await client.listTools();
    if (tools.length > 0 || performance.now() > giveUp) return tools;
    const page = connectPageIn(await composer.check(id), stand);
    if (part.needsConsent && page && consents++ < MOST_CONSENTS) await connectMember(page);
    await pause(POLL_MS);
  }
}
