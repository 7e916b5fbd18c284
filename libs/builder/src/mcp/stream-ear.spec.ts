import 'reflect-metadata';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setEnvironment } from '#config';
import { principalId, serverId, tenantId } from '#kernel';
import { until } from '#persistence/testing';
import { SYSTEM } from '#tenancy';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { clientOf } from '../../testing/client-of.js';
import { type OpenPool, openPool } from '../../testing/open-pool.js';
import { type SseOrigin, sseOrigin } from '../../testing/sse-origin.js';
import type { ListKind } from '../member-offer.js';

const acme = tenantId('acme');
const ann = { principalId: principalId('ann'), client: clientOf('legacy') };
const crm = { tenantId: acme, serverId: serverId('crm') };
const SERVER = fileURLToPath(new URL('../../testing/stdio-server.mjs', import.meta.url));
const NODE = realpathSync(process.execPath);
const NOTE = 'note://1';

let opened: OpenPool;
const member = () => opened.pool.find(crm)!.member!;
const register = (config: object) =>
  opened.registry.register(
    acme,
    { id: 'crm', timeout: 10, health_check: { enabled: false }, ...config },
    { by: SYSTEM },
  );

describe.each(['watched', 'modern-watched'])('what a process that is %s tells', (mode) => {
  let folder: string;
  let seen: string[];
  let lists: ListKind[];
  const asked = (what: string) => {
    const file = join(folder, 'notes');
    return (existsSync(file) ? readFileSync(file, 'utf8') : '').split('\n').filter((line) => line.startsWith(what));
  };

  beforeEach(async () => {
    [folder, seen, lists] = [mkdtempSync(join(tmpdir(), 'mcpc-ear-')), [], []];
    setEnvironment({ STDIO_ALLOWLIST: NODE });
    opened = await openPool({ speed: 5 });
    await register({ type: 'stdio', command: NODE, args: [SERVER, mode, join(folder, 'notes')] });
    opened.pool.onChange((_, changed) => lists.push(...changed));
  });
  afterEach(async () => {
    await opened.close();
    setEnvironment(undefined);
    rmSync(folder, { recursive: true });
  });

  const isModern = mode === 'modern-watched';
  const [begun, ended] = isModern
    ? ['subscriptions/listen', 'notifications/cancelled']
    : ['resources/subscribe', 'resources/unsubscribe'];
  /** Has the member do something of its own accord. */
  const please = (wish: object) => appendFileSync(join(folder, 'notes'), `please ${JSON.stringify(wish)}\n`);
  const update = (uri: string) => please({ do: 'update', uri });
  const saw = (count: number) => until(() => seen.length === count, `${count} updates`);
  const watch = (who: string, uri = NOTE) => member().watch(uri, ann, () => seen.push(`${who} ${uri}`));

  it('goes to all who watch a resource, of which it is told once', async () => {
    expect(member().tellsOfUpdates).toBe(true);
    const stops = await Promise.all([watch('ann'), watch('bob')]);
    expect(asked(begun)).toHaveLength(1);
    update('note://2');
    update(NOTE);
    await saw(2);
    expect(seen).toEqual([`ann ${NOTE}`, `bob ${NOTE}`]);
    stops[0]();
    update(NOTE);
    await saw(3);
    expect(seen.slice(2)).toEqual([`bob ${NOTE}`]);
  });

  it('is asked for as long as somebody watches', async () => {
    const [one] = [await watch('ann'), await watch('bob', 'note://2')];
    one();
    if (isModern) await watch('ann', 'note://3'); // asks anew, for what is wanted then
    await until(() => asked(ended).length > 0, 'the end of a subscription');
    update(NOTE);
    update('note://2');
    await saw(1);
    expect(seen).toEqual(['bob note://2']);
  });

  it('is asked for again when the process is another one, and is told as if it had happened', async () => {
    await watch('ann');
    please({ do: 'die' });
    await until(() => asked(begun).length === 2, 'another subscription');
    await saw(1);
    update(NOTE);
    await saw(2);
  });

  if (isModern) {
    it('is asked for again when it ends the subscription', async () => {
      await watch('ann');
      please({ do: 'end listening' });
      await until(() => asked(begun).length === 2, 'another subscription');
    });

    it('is of lists where somebody listens', async () => {
      member().listen(true);
      await until(() => asked(begun).length === 1, 'a subscription');
      please({ do: 'change' });
      await until(() => lists.includes('tools'), 'the news');
    });
  } else {
    it('is not watched where it does not take the subscription', async () => {
      await expect(watch('ann', 'other://1')).rejects.toMatchObject({ code: 'COMPOSER_MEMBER_PROTOCOL' });
    });
  }
});

describe('what a member over HTTP+SSE tells', () => {
  let origin: SseOrigin;
  beforeEach(async () => {
    origin = await sseOrigin('echo');
    const capabilities = { tools: {}, resources: { subscribe: true } };
    const answers: Record<string, object> = {
      initialize: { protocolVersion: '2024-11-05', capabilities, serverInfo: { name: 'origin', version: '1' } },
      'resources/list': { resources: [] },
      'resources/templates/list': { resourceTemplates: [] },
      'resources/subscribe': {},
      'resources/unsubscribe': {},
    };
    origin.intercept = ({ id, method }, response) => {
      const result = answers[String(method)];
      if (!result) return false;
      response.writeHead(202).end();
      origin.streams.at(-1)!.send({ id, result });
      return true;
    };
    opened = await openPool({ speed: 5 });
    await register({ type: 'sse', endpoint: `${origin.url}/sse` });
  });
  afterEach(async () => {
    await opened.close();
    await origin.close();
  });

  it('goes to who watches a resource, on the stream before and after it broke', async () => {
    const seen: string[] = [];
    const updated = () =>
      origin.streams.at(-1)!.send({ method: 'notifications/resources/updated', params: { uri: NOTE } });
    const subscribed = () => origin.methods().filter((method) => method === 'resources/subscribe').length;
    const stop = await member().watch(NOTE, ann, () => seen.push(NOTE));
    updated();
    await until(() => seen.length === 1, 'the news');
    origin.streams.at(-1)!.destroy();
    await until(() => subscribed() === 2, 'another subscription');
    await until(() => seen.length === 2, 'what may have been missed');
    updated();
    await until(() => seen.length === 3, 'the news');
    stop();
    await until(() => origin.methods().at(-1) === 'resources/unsubscribe', 'the end of the subscription');
    expect(subscribed()).toBe(2);
  });
});
