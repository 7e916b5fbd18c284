import { afterAll, beforeAll, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type InProcessComposer, startInProcess } from '../fixtures/in-process-composer.js';
import { keyIn } from '../fixtures/in-process-key.js';
import { JSON_HEADERS, send } from '../fixtures/mcp-clients.js';
import { ACTIONS, type Action, type RoutingBook, RoutingClient } from '../fixtures/routing-client.js';
import { ROUTING_KINDS, type RoutingKind, RoutingMembers } from '../fixtures/routing-members.js';

/** `npm run property:routing` asks for more of both. */
const MESSAGES = Number(process.env['ROUTING_MESSAGES'] ?? 4_000);
const SEED = Number(process.env['ROUTING_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const TENANTS = 10;
/** Of each tenant: two of each era. */
const CLIENTS = 4;
/** Actions of one client that are under way at the same time. */
const WIDTH = 3;
const PER_MESSAGE_MS = 30;

const book: RoutingBook = { messages: 0, wrong: [], sessions: new Map(), touched: new Set() };
const names = Array.from({ length: TENANTS }, (_, at) => `t${at}`);
let composer: InProcessComposer;
let members: RoutingMembers;
let clients: readonly RoutingClient[] = [];

beforeAll(async () => {
  const limits = ['TENANT', 'PRINCIPAL', 'CREDENTIAL'].map((of) => [`LIMIT_${of}_RPS`, '100000']);
  composer = await startInProcess({ COMPOSER_AUTH: 'required', ...Object.fromEntries(limits) });
  members = await RoutingMembers.open();
  const all: RoutingClient[] = [];
  for (const tenant of names) {
    const key = await keyIn(composer.app, tenant);
    for (const kind of ROUTING_KINDS) {
      const headers = { ...JSON_HEADERS, authorization: `Bearer ${key}` };
      const body = JSON.stringify(members.member(tenant, kind));
      const { status, text } = await send(composer.url, { path: '/api/v1/servers', headers, body });
      if (status !== 201) throw new Error(text);
    }
    for (let at = 0; at < CLIENTS; at++) {
      const who = { tenant, name: `c${at}`, era: at % 2 === 0 ? 'legacy' : 'modern' } as const;
      all.push(new RoutingClient(composer.url, key, who, book));
    }
  }
  clients = all;
}, 120_000);
afterAll(async () => {
  for (const client of clients) client.close();
  await Promise.all([composer?.stop(), members?.close()]);
});

/** What one of the clients does next; or a member of a tenant tells of a change, of which only the others may hear. */
type Step = readonly [client: number, action: Action | 'touch', kind: RoutingKind];
const steps = fc.array<Step>(
  fc.tuple(
    fc.nat({ max: TENANTS * CLIENTS - 1 }),
    fc.constantFrom(...ACTIONS, 'work', 'count', 'ask', 'touch' as const),
    fc.constantFrom(...ROUTING_KINDS),
  ),
  { minLength: 400, maxLength: 400 },
);

/** Everybody at once; each client a few things at a time. */
async function play(sequence: readonly Step[]): Promise<void> {
  const lanes = clients.flatMap((_client, at) => {
    const mine = sequence.filter(([client]) => client === at);
    const queue = mine.values();
    return Array.from({ length: WIDTH }, async () => {
      for (const [, action, kind] of queue) {
        const client = clients[at]!;
        if (action === 'touch') touch(client.who.tenant);
        else await client.act(action, kind);
      }
    });
  });
  await Promise.all(lanes);
}

/** Half of the tenants never change anything: whatever they hear of changes is not theirs. */
function touch(tenant: string): void {
  if (Number(tenant.slice(1)) % 2 === 1) return;
  book.touched.add(tenant);
  members.touch(tenant);
}

it(
  `no message of ${MESSAGES} comes to the wrong client, whatever ${TENANTS * CLIENTS} clients of ${TENANTS} tenants do`,
  async () => {
    for (let round = 0; book.messages < MESSAGES; round++) {
      const [sequence] = fc.sample(steps, { seed: SEED + round, numRuns: 1 });
      await play(sequence!);
      if (book.wrong.length + members.misrouted.length > 0) break;
    }
    process.stderr.write(
      `${book.messages} messages, ${book.wrong.length} to the wrong client (ROUTING_SEED=${SEED})\n`,
    );
    expect(members.misrouted.slice(0, 5)).toEqual([]);
    expect(book.wrong.slice(0, 5)).toEqual([]);
  },
  60_000 + MESSAGES * PER_MESSAGE_MS,
);
