import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type McpOrigin, mcpOrigin } from '#builder/testing';
import { type OriginServer, originServer } from '#egress/testing';
import { HTTP_ANSWERS, MCP_ANSWERS, ODD_ANSWERS, answerWith } from '../fixtures/hostile-answers.js';
import { callTool } from '../fixtures/mcp-clients.js';
import { UNCHECKED, openApiDocument, pingMember } from '../fixtures/openapi-member.js';
import { type RestService, startRestService } from '../fixtures/rest-service.js';
import { type LoadTarget, SteadyLoad } from '../fixtures/steady-load.js';
import { type ComposerProcess, startComposer } from '../support/composer-process.js';

// `npm run chaos:answers` sets it: how often each answer is given.
const ROUNDS = Number(process.env['HOSTILE_ROUNDS'] ?? 1);
const IS_LONG = ROUNDS > 1;
const TIMEOUT_S = 2;
const MIB = 1024 * 1024;
const MOST_GROWTH = 32 * MIB;
const MEASURE_MS = IS_LONG ? 20_000 : 2_000;

/** What is told of each, whoever gave it. */
const TOLD: Readonly<Record<string, RegExp>> = {
  gigabyte: /COMPOSER_EGRESS_TOO_LARGE.*10485760 bytes/,
  endless: /COMPOSER_EGRESS_TOO_LARGE.*10485760 bytes/,
  bomb: /COMPOSER_EGRESS_BAD_ANSWER.*compressed/,
  drip: /COMPOSER_MEMBER_TIMEOUT.*2 s/,
  reset: /COMPOSER_EGRESS_UNREACHABLE/,
  short: /COMPOSER_EGRESS_UNREACHABLE/,
  headers: /COMPOSER_EGRESS_BAD_ANSWER/,
  garbage: /COMPOSER_EGRESS_BAD_ANSWER/,
  switched: /COMPOSER_EGRESS_UNREACHABLE/,
  line: /COMPOSER_EGRESS_BAD_ANSWER/,
  events: /COMPOSER_EGRESS_TOO_LARGE/,
  stream: /COMPOSER_EGRESS_TOO_LARGE/,
  other: /COMPOSER_MEMBER_PROTOCOL/,
  utf8: /COMPOSER_MEMBER_PROTOCOL/,
  depth: /COMPOSER_MEMBER_PROTOCOL/,
  trailing: /COMPOSER_MEMBER_PROTOCOL/,
};

describe('a member that answers to do harm', () => {
  let composer: ComposerProcess;
  let rest: OriginServer;
  let mcp: McpOrigin;
  let neighbour: RestService;
  let target: LoadTarget;
  const figures: string[] = [];

  beforeAll(async () => {
    const every = { ...HTTP_ANSWERS, ...oddOnes };
    rest = await originServer((request, response) => {
      const answer = every[request.url!.slice(1)];
      if (answer) answerWith(answer, response);
      else response.end();
    });
    mcp = await mcpOrigin(...Object.keys(MCP_ANSWERS));
    mcp.onCall = ({ id, params }, response) => answerWith(MCP_ANSWERS[params!.name!]!, response, id);
    [composer, neighbour] = await Promise.all([startComposer(), startRestService({ answer: () => ({ body: {} }) })]);
    const paths = Object.keys(every).map((name) => [`GET /${name}`, { operationId: name }] as const);
    const open_api = { endpoint: rest.url, spec: openApiDocument(Object.fromEntries(paths)) };
    for (const member of [
      { id: 'rest', type: 'openapi', open_api, timeout: TIMEOUT_S, ...UNCHECKED },
      { id: 'mcp', type: 'http', endpoint: `${mcp.url}/mcp`, timeout: TIMEOUT_S, ...UNCHECKED },
      pingMember('near', neighbour.url),
    ]) {
      const { status, body } = await composer.api('POST', '/api/v1/servers', member);
      expect([status, body]).toEqual([201, expect.anything()]);
    }
    target = { url: composer.url, tool: 'near_ping' };
  }, 90_000);
  afterAll(async () => {
    await Promise.all([composer.stop(), rest.close(), mcp.close(), neighbour.stop()]);
    if (IS_LONG) process.stdout.write(`${figures.join('\n')}\n`);
  });

  it.each([
    ...Object.keys(HTTP_ANSWERS).map((name) => ['rest', name] as const),
    ...Object.keys(MCP_ANSWERS).map((name) => ['mcp', name] as const),
  ])('gives its caller an error that says what happened: %s, %s', async (member, name) => {
    const { isError, content } = await callTool(composer.url, `${member}_${name}`);
    expect([name, isError, content]).toEqual([name, true, [{ type: 'text', text: expect.any(String) }]]);
    expect(content[0].text).toMatch(TOLD[name]!);
    expect(content[0].text).toContain(`Server "${member}" failed`);
  });

  it('passes on no structure that is not UTF-8 or nests too deep, and no name that changes a prototype', async () => {
    const utf8 = await callTool(composer.url, 'rest_odd_utf8');
    expect(utf8.structuredContent).toBeUndefined();
    expect(utf8.content).toEqual([
      { type: 'resource', resource: expect.objectContaining({ blob: expect.any(String) }) },
    ]);
    expect((await callTool(composer.url, 'rest_odd_depth')).structuredContent).toBeUndefined();
    const { structuredContent } = await callTool(composer.url, 'rest_odd_proto');
    expect(Object.keys(structuredContent)).toEqual(['fine']);
    expect(Object.keys(structuredContent.fine)).toEqual([]);
  });

  it(
    'costs little memory, and no other member its calls',
    async () => {
      const kinds = [
        ...Object.keys(HTTP_ANSWERS).map((name) => `rest_${name}`),
        ...Object.keys(MCP_ANSWERS).map((name) => `mcp_${name}`),
      ].filter((name) => IS_LONG || !/drip/.test(name));
      const load = new SteadyLoad([target]);
      const before = await during(load, () => pause(MEASURE_MS));
      const base = Math.max(...before.memory);
      const worst: Record<string, number> = {};
      const slowest: Record<string, number> = {};
      const calls: number[] = [];
      let most = 0;
      for (let round = 0; round < ROUNDS; round++) {
        for (const kind of kinds) {
          const { memory, answered } = await during(load, () => callTool(composer.url, kind));
          calls.push(...answered);
          slowest[kind] = Math.max(slowest[kind] ?? 0, ...answered);
          worst[kind] = Math.max(worst[kind] ?? 0, Math.max(...memory) - base);
          most = Math.max(most, worst[kind]);
        }
      }
      const after = await during(load, () => pause(MEASURE_MS));
      await load.stop();
      const [quiet, busy] = [percentile([...before.answered, ...after.answered], 0.99), percentile(calls, 0.99)];
      figures.push(
        `memory: ${mib(base)} before, at most ${mib(most)} more, ${mib(Math.max(...after.memory) - base)} at the end`,
        ...Object.entries(worst).map(
          ([kind, bytes]) => `  ${kind}: ${mib(bytes)}, the slowest call beside it ${slowest[kind]?.toFixed(1)} ms`,
        ),
        `calls of the neighbour: p99 ${quiet.toFixed(1)} ms without and ${busy.toFixed(1)} ms beside (${calls.length} calls)`,
      );
      expect(load.failures().slice(0, 3)).toEqual([]);
      expect(most).toBeLessThanOrEqual(MOST_GROWTH);
      // A few calls are no percentile: the slowest of them is.
      expect(busy).toBeLessThanOrEqual(IS_LONG ? quiet * 4 + 20 : quiet * 6 + 100);
    },
    60_000 + ROUNDS * 60_000,
  );

  /** Memory of the composer, and how long the calls of the neighbour took, while something happens. */
  async function during(load: SteadyLoad, deed: () => Promise<unknown>) {
    const from = load.calls.length;
    const memory = [rssOf(composer.pid)];
    const timer = setInterval(() => memory.push(rssOf(composer.pid)), 10);
    await deed();
    clearInterval(timer);
    memory.push(rssOf(composer.pid));
    return { memory, answered: load.calls.slice(from).map(({ sentAt, answeredAt }) => answeredAt - sentAt) };
  }
});

const oddOnes = Object.fromEntries(Object.entries(ODD_ANSWERS).map(([name, answer]) => [`odd_${name}`, answer]));
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const mib = (bytes: number): string => `${(bytes / MIB).toFixed(1)} MiB`;

function rssOf(pid: number): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib) * 1024;
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
