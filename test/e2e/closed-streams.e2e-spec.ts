import { type ClientRequest, request as httpRequest } from 'node:http';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../fixtures/eventually.js';
import { JSON_HEADERS, MODERN } from '../fixtures/mcp-clients.js';
import { PARROT_KINDS } from '../fixtures/parrot.js';
import { type EraName, META, ParrotStage, requestTo } from '../fixtures/parrot-stage.js';

/** So many calls of a tenant have a place at the same time; everybody else waits, and longer than this takes. */
const PLACES = 100;
const WAVES = 10;
const STDIO_CALLS = 20;
const WAITING = fileURLToPath(new URL('../fixtures/waiting-stdio.mjs', import.meta.url));
/** What is promised is a second. What a test waits for is as much as a machine may need that has other things to do. */
const PATIENCE_MS = 20_000;

let stage: ParrotStage;
let lastNumber = 0;

beforeAll(async () => {
  stage = await ParrotStage.open({
    // Whoever comes without a credential has as many places as there are.
    COMPOSER_AUTH: 'required',
    LIMIT_TENANT_CALLS: String(PLACES),
    LIMIT_QUEUE_MS: String(PATIENCE_MS),
    STDIO_ALLOWLIST: process.execPath,
  });
  await stage.register({ id: 'process', type: 'stdio', command: process.execPath, args: [WAITING], timeout: 60 });
}, 60_000);
afterAll(() => stage?.close());

/** A call that is never answered, and the connection that it has for itself. */
interface Waiting {
  readonly number: number;
  readonly client: ClientRequest;
}

function begin(era: EraName, tool: string): Waiting {
  const number = ++lastNumber;
  const modern = { ...JSON_HEADERS, 'mcp-protocol-version': MODERN, 'mcp-method': 'tools/call', 'mcp-name': tool };
  const headers = era === 'modern' ? { ...modern, ...stage.credential } : stage.session;
  const meta = era === 'modern' ? `${META.slice(0, -1)},` : '{';
  const body = `${requestTo('tools/call').replace('"id":1', `"id":${number}`)}"_meta":${meta}"progressToken":"p${number}"},"name":"${tool}","arguments":{"n":${number}}}}`;
  const client = httpRequest(`${stage.composer.url}/mcp`, { method: 'POST', headers, agent: false });
  client.on('error', () => undefined);
  client.on('response', (response) => response.on('error', () => undefined).resume());
  client.end(body);
  return { number, client };
}

/** One after the other at every kind of member. */
const wave = (era: EraName): readonly Waiting[] =>
  Array.from({ length: PLACES }, (_, at) => begin(era, `${PARROT_KINDS[at % PARROT_KINDS.length]}_parrot`));

/** Until nothing is left of them. */
const none = (left: () => readonly Waiting[]) =>
  eventually(() => expect(left().map(({ number }) => number)).toEqual([]), PATIENCE_MS);

const haveBegun = (calls: readonly Waiting[]) =>
  none(() => calls.filter(({ number }) => !stage.parrot.begun.has(number)));

/** When the member was told that nobody wants the answer: by the end of the request, or by word. */
const givenUpAt = ({ number }: Waiting): number | undefined =>
  stage.parrot.closed.get(number) ?? stage.parrot.cancelled.get(number);

const areGivenUp = (calls: readonly Waiting[]) => none(() => calls.filter((call) => givenUpAt(call) === undefined));

const close = (calls: readonly Waiting[]): number => {
  for (const { client } of calls) client.destroy();
  return performance.now();
};

describe('a stream that a modern caller closes in the middle of a call', () => {
  it('is closed at the member, and its place is free, 1,000 times out of 1,000', async () => {
    stage.parrot.isSilent = true;
    let [slowestClose, slowestPlace] = [0, 0];
    let calls = wave('modern');
    for (let round = 0; round < WAVES; round++) {
      await haveBegun(calls);
      const closedAt = close(calls);
      // Nobody of the next ones begins before one of these has left.
      const next = wave('modern');
      await areGivenUp(calls);
      await haveBegun(next);
      slowestClose = Math.max(slowestClose, ...calls.map((call) => givenUpAt(call)! - closedAt));
      slowestPlace = Math.max(slowestPlace, ...next.map(({ number }) => stage.parrot.begun.get(number)! - closedAt));
      calls = next;
    }
    process.stderr.write(
      `${PLACES * WAVES} closed streams: closed at the member within ${Math.ceil(slowestClose)} ms, the place taken by the next call within ${Math.ceil(slowestPlace)} ms\n`,
    );
    close(calls);
    await areGivenUp(calls);
    stage.parrot.isSilent = false;
    expect(await stage.isWell()).toBe(true);
  }, 120_000);

  it('is over for a member that is a process as well', async () => {
    const calls = Array.from({ length: STDIO_CALLS }, () => begin('modern', 'process_wait'));
    await told({ begun: STDIO_CALLS, cancelled: 0 });
    close(calls);
    await told({ begun: STDIO_CALLS, cancelled: STDIO_CALLS });
  });
});

describe('a connection that a legacy caller loses in the middle of a call', () => {
  it('cancels nothing; the notification does, and the places are free', async () => {
    stage.parrot.isSilent = true;
    const lost = wave('legacy');
    await haveBegun(lost);
    close(lost);
    // Whatever the loss leads to has come before the end of a call that began after it.
    const cancelled = lost.slice(1).map(({ number }) => cancel(number));
    await Promise.all(cancelled);
    await areGivenUp(lost.slice(1));
    expect(givenUpAt(lost[0]!)).toBeUndefined();
    const again = wave('modern');
    // The one call that nobody has cancelled still has its place.
    const begun = () => again.filter(({ number }) => stage.parrot.begun.has(number)).length;
    await eventually(() => expect(begun()).toBeGreaterThanOrEqual(PLACES - 1), PATIENCE_MS);
    expect(begun()).toBe(PLACES - 1);
    await cancel(lost[0]!.number);
    await haveBegun(again);
    expect(givenUpAt(lost[0]!)).toBeDefined();
    close(again);
    await areGivenUp(again);
    stage.parrot.isSilent = false;
    expect(await stage.isWell()).toBe(true);
  }, 60_000);

  const cancel = (number: number) =>
    stage.send(
      stage.session,
      JSON.stringify({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: number } }),
    );
});

const told = (counts: object) =>
  eventually(async () => {
    const body = `${requestTo('tools/call')}"_meta":${META},"name":"process_told"}}`;
    const { json } = await stage.post('modern', body, { method: 'tools/call', name: 'process_told' });
    expect(json.result.structuredContent).toEqual(counts);
  }, PATIENCE_MS);
