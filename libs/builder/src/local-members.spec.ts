import 'reflect-metadata';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { originServer } from '#egress/testing';
import { principalId, serverId, tenantId } from '#kernel';
import { SYSTEM } from '#tenancy';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { clientOf } from '../testing/client-of.js';
import { type OpenPool, openPool } from '../testing/open-pool.js';
import { type GivenAnswer, RecordingReply } from '../testing/recording-reply.js';
import { parseMessage } from './json-rpc/json-rpc-message.js';
import type { ForwardedMethod } from './member.js';

const acme = tenantId('acme');
const house = { tenantId: acme, serverId: serverId('house') };
const BY = { by: SYSTEM, mayReadFiles: true };

describe('a member of type local', () => {
  let opened: OpenPool;
  let folder: string;
  let file: string;
  const closing: { close(): Promise<void> }[] = [];

  beforeEach(async () => {
    opened = await openPool();
    closing.push(opened);
    folder = mkdtempSync(join(tmpdir(), 'composer-prompts-'));
    file = join(folder, 'prompts.json');
  });
  afterEach(async () => {
    for (const one of closing.splice(0).reverse()) await one.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const slot = ({ pool } = opened) => pool.find(house)!;
  const register = (more: object) => opened.registry.register(acme, { id: 'house', type: 'local', ...more }, BY);
  const promptsOf = (one = slot()) => one.offer.prompts.map((text) => (JSON.parse(text) as { name: string }).name);
  const write = (value: unknown) => writeFileSync(file, typeof value === 'string' ? value : JSON.stringify(value));
  const greet = { name: 'greet', description: 'Greets.', template: 'Greet {who} in {{ tongue }}.' };

  function ask(method: ForwardedMethod, name: string, args: unknown): Promise<GivenAnswer> {
    const request = { jsonrpc: '2.0', id: 'caller-1', method, params: { name: `house_${name}`, arguments: args } };
    const message = parseMessage(Buffer.from(JSON.stringify(request)));
    const reply = new RecordingReply();
    const asked = { method, target: name, message, client: clientOf('legacy'), headers: {} } as const;
    slot().member!.request({ ...asked, principalId: principalId('ann') }, reply);
    return reply.answered;
  }

  describe('with prompts', () => {
    it('offers those of its configuration, and fills them', async () => {
      const { problem } = await register({ prompts: [greet] });
      expect({ problem, outcome: slot().outcome, prompts: promptsOf() }).toEqual({
        problem: undefined,
        outcome: 'ok',
        prompts: ['greet'],
      });
      expect(slot().offer.capabilities).toEqual({ prompts: { listChanged: true } });
      expect(await ask('prompts/get', 'greet', { who: 'Ada', tongue: '{who}' })).toEqual({
        result: {
          description: 'Greets.',
          messages: [{ role: 'user', content: { type: 'text', text: 'Greet Ada in {who}.' } }],
        },
      });
    });

    it('tells what is wrong by protocol errors that name it', async () => {
      await register({ prompts: [greet] });
      const error = (message: string, code = -32602) => ({ error: { code, message } });
      expect(await ask('prompts/get', 'greet', { who: 'Ada' })).toEqual(error('Invalid params: tongue is required'));
      expect(await ask('prompts/get', 'greet', [])).toEqual(error('Invalid params: arguments must be an object'));
      expect(await ask('prompts/get', 'gone', {})).toEqual(error('Invalid params: there is no such prompt any more'));
      expect(await ask('tools/call', 'greet', {})).toEqual(error('Method not found: tools/call', -32601));
    });

    it('takes over a file that has changed at its next check, and tells of it', async () => {
      write([greet]);
      await register({ prompt_path: file });
      const told: string[][] = [];
      opened.pool.onChange((_, lists) => void told.push([...lists]));
      await opened.pool.check(slot());
      expect(told).toEqual([]);
      write('prompts:\n  - name: part\n    template: Bye, {who}.\n    server_id: x\n');
      await opened.pool.check(slot());
      expect({ told, prompts: promptsOf() }).toEqual({ told: [['prompts']], prompts: ['part'] });
      expect((await ask('prompts/get', 'part', { who: 'Ada' })).result).toMatchObject({
        messages: [{ content: { text: 'Bye, Ada.' } }],
      });
    });

    it.each<[string, () => void, RegExp]>([
      ['that is gone', () => rmSync(file), /prompt_path could not be read \(ENOENT\)/],
      ['that is no list', () => write('hunter2: ['), /prompt_path is neither JSON nor YAML/],
      ['with a prompt that is none', () => write([{ name: 'x' }]), /0\.template/],
      ['with two of a name', () => write([greet, greet]), /names one thing twice/],
      ['that is too large', () => write('x'.repeat(5_000_000)), /no file of at most/],
    ])('goes on serving what it read of a file %s, and says why', async (_, spoil, problem) => {
      write([greet]);
      await register({ prompt_path: file });
      spoil();
      await opened.pool.check(slot());
      expect(slot().problem).toMatch(problem);
      expect(slot().problem).not.toContain('hunter2');
      const again = opened.again();
      closing.push(again);
      await again.pool.load(acme);
      expect({ kept: promptsOf(), afterStart: promptsOf(slot(again)) }).toEqual({
        kept: ['greet'],
        afterStart: ['greet'],
      });
    });

    it('is refused with a file that has never been there', async () => {
      await expect(register({ prompt_path: file })).rejects.toMatchObject({ faults: [{ path: 'prompt_path' }] });
      expect(opened.pool.find(house)).toBeUndefined();
    });
  });

  describe('with tools', () => {
    it('sends what its template says, below its endpoint and with its credential', async () => {
      const seen: string[] = [];
      const origin = await originServer((request, response) => {
        const { authorization, 'x-env': env } = request.headers;
        seen.push([request.method, request.url, authorization, env].join(' '));
        response.writeHead(200, { 'content-type': 'application/json' }).end('{"ok":true}');
      });
      closing.push(origin);
      await register({
        endpoint: `${origin.url}/v1`,
        tools: [{ name: 'find', description: 'Finds.', path: '/things/{{id}}?q={{q}}' }],
        headers: { 'X-Env': 'prod' },
        auth_strategy: 'bearer',
        auth: { token: 'hunter2' },
        health_check: { enabled: false },
      });
      seen.splice(0);
      const { result } = await ask('tools/call', 'find', { id: 'a b', q: '&' });
      expect(result).toMatchObject({ structuredContent: { ok: true } });
      expect(seen).toEqual(['GET /v1/things/a%20b?q=%26 Bearer hunter2 prod']);
      expect(await ask('tools/call', 'find', { id: '..', q: '' })).toMatchObject({
        failure: expect.stringMatching(/id: must not be/),
      });
      expect(seen).toHaveLength(1);
    });

    it('is refused, and nothing stored, if no request can be made of a tool', async () => {
      const tools = [{ name: 'find', description: 'Finds.', path: '/{{a}}?{{b}}=1' }];
      await expect(register({ endpoint: 'http://127.0.0.1:9', tools })).rejects.toMatchObject({
        faults: [{ path: 'tools.0.path' }],
      });
      expect(await opened.registry.list(acme)).toEqual([]);
    });
  });
});
