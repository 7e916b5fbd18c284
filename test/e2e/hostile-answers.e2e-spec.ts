import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  HOSTILE_CASES,
  type HostileCase,
  type HostileMembers,
  NODE,
  startHostileMembers,
} from '../fixtures/hostile-members.js';
import { eventually } from '../fixtures/eventually.js';
import { callTool } from '../fixtures/mcp-clients.js';
import { pingMember } from '../fixtures/openapi-member.js';
import { type RestService, startRestService } from '../fixtures/rest-service.js';
import { type LoadTarget, SteadyLoad } from '../fixtures/steady-load.js';
import { type ComposerProcess, startComposer } from '../support/composer-process.js';

// `npm run chaos:answers` sets it: how often each answer is given.
const ROUNDS = Number(process.env['HOSTILE_ROUNDS'] ?? 1);
const IS_LONG = ROUNDS > 1;
const MIB = 1024 * 1024;
const MOST_GROWTH = 32 * MIB;
const WARM_CALLS = 150;
/** Caches, and code that was compiled. */
const MOST_KEPT = 6 * MIB;
/** How often an answer is given beside which a call was slow: others use the machine, too. */
const TRIES = 3;
const MEMBERS = [...new Set(HOSTILE_CASES.map(({ member }) => member))];
const MEASURE_MS = IS_LONG ? 20_000 : 2_000;
const COLLECTOR = fileURLToPath(new URL('../fixtures/collector.mjs', import.meta.url));

describe('a member that answers to do harm', () => {
  let composer: ComposerProcess;
  let hostile: HostileMembers;
  let neighbour: RestService;
  let target: LoadTarget;
  const scratch = mkdtempSync(join(tmpdir(), 'composer-answers-'));
  const collected = join(scratch, 'collected');
  const figures: string[] = [];

  beforeAll(async () => {
    [composer, neighbour, hostile] = await Promise.all([
      startComposer({
        args: ['--expose-gc', '--import', COLLECTOR],
        env: { STDIO_ALLOWLIST: NODE, COLLECTED_FILE: collected },
      }),
      startRestService({ answer: () => ({ body: {} }) }),
      startHostileMembers(),
    ]);
    for (const member of [...hostile.configs, pingMember('near', neighbour.url)]) {
      const { status, body } = await composer.api('POST', '/api/v1/servers', member);
      expect([status, body, body._meta?.problem]).toEqual([201, expect.anything(), undefined]);
    }
    target = { url: composer.url, tool: 'near_ping' };
  }, 90_000);
  afterAll(async () => {
    await Promise.all([composer.stop(), hostile.close(), neighbour.stop()]);
    rmSync(scratch, { recursive: true, force: true });
    if (IS_LONG) process.stdout.write(`${figures.join('\n')}\n`);
  });

  it(
    'costs little memory, and no other member its calls',
    async () => {
      const load = new SteadyLoad([target]);
      await ordinaryCalls(['rest_large']);
      // What large answers have left to be collected would hide what others leave.
      const usedBefore = await inUse();
      const ordinary = await ordinaryMemory(load);
      const before = await during(load, () => pause(MEASURE_MS));
      const base = Math.max(...ordinary, ...before.memory);
      const limit = percentile(before.answered, 0.99) * 6 + 100;
      const worst: Record<string, number> = {};
      const slowest: Record<string, number> = {};
      const calls: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        for (const { member, name } of HOSTILE_CASES.filter(({ isSlow }) => IS_LONG || !isSlow)) {
          const kind = `${member}_${name}`;
          let slow = Infinity;
          // A few calls are no percentile: the slowest of them counts, if it is as slow each time.
          for (let n = 0; n < (IS_LONG ? 1 : TRIES) && slow > limit; n++) {
            const { memory, answered } = await during(load, () => call(kind));
            calls.push(...answered);
            slow = Math.min(slow, Math.max(0, ...answered));
            worst[kind] = Math.max(worst[kind] ?? 0, Math.max(...memory) - base);
          }
          slowest[kind] = Math.max(slowest[kind] ?? 0, slow);
        }
      }
      const after = await during(load, () => pause(MEASURE_MS));
      const kept = (await inUse()) - usedBefore;
      await load.stop();
      const [quiet, busy] = [percentile([...before.answered, ...after.answered], 0.99), percentile(calls, 0.99)];
      const most = Math.max(...Object.values(worst));
      figures.push(
        `memory: ${mib(base)} before, at most ${mib(most)} more, ${mib(Math.max(...after.memory) - base)} at the end`,
        `in use once all garbage is collected: ${mib(kept)} more`,
        ...Object.entries(worst).map(
          ([kind, bytes]) => `  ${kind}: ${mib(bytes)}, the slowest call beside it ${slowest[kind]?.toFixed(1)} ms`,
        ),
        `calls of the neighbour: p99 ${quiet.toFixed(1)} ms without and ${busy.toFixed(1)} ms beside (${calls.length} calls)`,
      );
      expect(load.failures().slice(0, 3)).toEqual([]);
      expect(most).toBeLessThanOrEqual(MOST_GROWTH);
      expect(kept).toBeLessThanOrEqual(MOST_KEPT);
      if (IS_LONG) expect(busy).toBeLessThanOrEqual(quiet * 4 + 20);
      else expect(Object.entries(slowest).filter(([, ms]) => ms > limit)).toEqual([]);
    },
    60_000 + ROUNDS * 60_000,
  );

  it('leaves members that work once they are registered anew', async () => {
    // Processes that ended in every round rest for longer and longer.
    for (const { id } of hostile.configs.filter(({ type }) => type === 'stdio')) {
      const { status } = await composer.api('PATCH', `/api/v1/servers/${String(id)}`, { label: 'anew' });
      expect([id, status]).toEqual([id, 200]);
    }
  });

  it.each(HOSTILE_CASES.filter(({ isSlow }) => !isSlow))(
    'gives its caller an error that says what happened, and serves again: $member, $name',
    tellsAndServes,
  );

  it('breaks off what does not come to an end, and serves again', async () => {
    const slow = HOSTILE_CASES.filter(({ isSlow }) => isSlow);
    expect(slow.length).toBeGreaterThan(0);
    await Promise.all(slow.map(tellsAndServes));
  }, 30_000);

  it.each(['rest', 'graph'])('passes on no structure that is not UTF-8 or nests too deep: %s', async (member) => {
    const utf8 = await call(`${member}_odd_utf8`);
    expect(utf8.structuredContent).toBeUndefined();
    expect(utf8.content).toEqual([
      { type: 'resource', resource: expect.objectContaining({ blob: expect.any(String) }) },
    ]);
    expect((await call(`${member}_odd_depth`)).structuredContent).toBeUndefined();
  });

  it.each([
    ['rest', 'rest_odd_proto'],
    ['graph', 'graph_odd_data_proto'],
  ])('passes on no name that changes a prototype: %s', async (_, tool) => {
    const { structuredContent } = await call(tool);
    const passedOn = structuredContent.data ?? structuredContent;
    expect(Object.keys(passedOn)).toEqual(['fine']);
    expect(Object.keys(passedOn.fine)).toEqual([]);
  });

  it.each(['mcp', 'sse', 'stdio'])(
    'passes on what an MCP server says as it came, whatever its names: %s',
    async (member) => {
      const { structuredContent } = await call(`${member}_proto`);
      expect(JSON.stringify(structuredContent)).toBe('{"__proto__":{"x":1}}');
    },
  );

  it('is no fault of the composer', () => {
    const faults = composer
      .stderr()
      .split('\n')
      .filter((line) => /"level":"(?:error|fatal)"|^(?!\{|$)/.test(line));
    expect(faults).toEqual([]);
  });

  const call = (tool: string) => callTool(composer.url, tool);

  async function ordinaryCalls(others: readonly string[] = []): Promise<void> {
    const tools = [...MEMBERS.map((member) => `${member}_good`), ...others];
    for (let n = 0; n < WARM_CALLS; n++) await Promise.all(tools.map(call));
  }

  /**
   * V8 lets garbage grow by tens of MiB before it collects the whole heap, whatever the calls are. So the long form takes
   * the memory from one such collection to the next; it has many of them beside the hostile answers, the short form none.
   */
  async function ordinaryMemory(load: SteadyLoad): Promise<number[]> {
    const collections = () => lines().filter((line) => line === 'whole').length;
    const memory: number[] = [];
    for (let cycle = 0; cycle < (IS_LONG ? 2 : 1); cycle++) {
      const from = collections();
      memory.length = 0; // what large answers have left
      do memory.push(...(await during(load, () => ordinaryCalls())).memory);
      while (IS_LONG && collections() === from);
    }
    return memory;
  }

  /** Collects all garbage of the composer; the bytes that it still uses. */
  async function inUse(): Promise<number> {
    const sizes = () => lines().filter((line) => line !== 'whole');
    const before = sizes().length;
    process.kill(composer.pid, 'SIGUSR2');
    return eventually(() => {
      expect(sizes().length).toBeGreaterThan(before);
      return Number(sizes().at(-1));
    });
  }

  const lines = (): string[] => (existsSync(collected) ? readFileSync(collected, 'utf8').match(/\S+$/gm) : null) ?? [];

  async function tellsAndServes({ member, name, told }: HostileCase): Promise<void> {
    const { isError, content } = await call(`${member}_${name}`);
    expect([name, isError, content]).toEqual([name, true, [{ type: 'text', text: expect.any(String) }]]);
    expect([name, content[0].text]).toEqual([name, expect.stringMatching(told)]);
    expect(content[0].text).toContain(`Server "${member}" failed`);
    const next = await call(`${member}_good`);
    expect([name, next.isError ?? false, next.content]).toEqual([name, false, expect.anything()]);
  }

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
