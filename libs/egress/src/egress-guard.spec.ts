import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import axios from 'axios';
import {
  type Egress,
  type OriginServer,
  PRIVATE_ADDRESSES,
  egressFor,
  originServer,
  ssrfCorpus,
} from '../testing/index.js';
import { axiosSettings } from './egress-http.js';
import { EgressPool } from './egress-pool.js';
import { EgressDeniedError } from './egress.errors.js';
import { GuardedAgents } from './guarded-agents.js';

const answer = (...addresses: string[]) =>
  addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
const outcome = (call: () => unknown): Promise<unknown> =>
  Promise.resolve()
    .then(call)
    .catch((error: unknown) => error);

/** What a caller can see of an error. */
const seen = (error: unknown): unknown =>
  error instanceof EgressDeniedError
    ? { code: error.code, message: error.message, status: error.status, cause: error.cause, faults: error.faults }
    : error;

const DENIED = seen(new EgressDeniedError());

describe('the guard against addresses that lead inside', () => {
  let sentinels: OriginServer[];
  let egress: Egress;

  beforeEach(async () => {
    const first = await originServer();
    const second = await originServer(undefined, { host: '::1', port: first.port }).catch(() => undefined);
    sentinels = second ? [first, second] : [first];
    egress = egressFor([]);
  });

  afterEach(async () => {
    await egress.close();
    for (const sentinel of sentinels) await sentinel.close();
  });

  const touched = (): number => sentinels.reduce((sum, sentinel) => sum + sentinel.connections, 0);

  it('has a corpus of at least 150 forms, all different', () => {
    expect(new Set(ssrfCorpus()).size).toBe(ssrfCorpus().length);
    expect(ssrfCorpus().length).toBeGreaterThan(250);
  });

  it('refuses every form on the ordinary port, with one and the same error', async () => {
    for (const url of ssrfCorpus()) {
      expect([url, seen(await outcome(() => egress.guard.judge(url)))]).toEqual([url, DENIED]);
    }
  });

  it('refuses every form by judge, check, pools and http before anything is connected', async () => {
    const { guard, pools, http } = egress;
    for (const url of ssrfCorpus(sentinels[0]!.port)) {
      const ways = [
        () => guard.judge(url),
        () => guard.check(url),
        () => pools.open(url),
        () => http.request({ method: 'GET', url }),
        () => http.request({ method: 'GET', url, redirects: 3 }),
      ];
      for (const way of ways) expect([url, seen(await outcome(way))]).toEqual([url, DENIED]);
    }
    expect(touched()).toBe(0);
    expect(pools.size).toBe(0);
  });

  it('says why in the debug log alone, without path and query', async () => {
    const lines: string[] = [];
    const loud = egressFor([], { write: (line) => lines.push(line) });
    expect(() => loud.guard.judge('https://10.0.0.1/path?token=hunter2')).toThrow(EgressDeniedError);
    expect(lines.join()).toMatch(/"level":"debug".*not public.*10\.0\.0\.1/);
    expect(lines.join()).not.toMatch(/hunter2|path/);
    await loud.close();
  });

  it.each([
    'https://example.com/',
    'https://example.com:8443/a?b=c',
    'https://1.1.1.1/',
    'https://[2606:4700::1111]/',
    'https://bücher.example/',
  ])('lets public HTTPS through: %s', (url) => {
    expect(egress.guard.judge(url).href).toBe(new URL(url).href);
  });

  it('judges alike however often it is asked', () => {
    for (let turn = 0; turn < 20_000; turn += 1) egress.guard.judge('https://bücher.example/');
    expect(() => egress.guard.judge('https://１２７.0.0.1/')).toThrow(EgressDeniedError);
  });

  it('refuses a name if any of its addresses leads inside', async () => {
    for (const address of PRIVATE_ADDRESSES) {
      const rebound = egressFor([], { lookup: () => Promise.resolve(answer('1.1.1.1', address, '2606:4700::1111')) });
      const lookup = promisify(rebound.guard.lookupFor({ port: 443, secure: true }));
      const url = 'https://name.example/';
      const pool = rebound.pools.open(url);
      const ways = [
        () => rebound.guard.check(url),
        () => lookup('name.example', { all: true }),
        () => lookup('name.example', {}),
        () => pool.request({ method: 'GET', path: '/' }),
        () => rebound.http.request({ method: 'GET', url }),
      ];
      for (const way of ways) expect([address, seen(await outcome(way))]).toEqual([address, DENIED]);
      await rebound.close();
    }
  });

  it('opens no socket to a literal or a name, even where nobody has judged the address before', async () => {
    const { guard } = egressFor([], { lookup: () => Promise.resolve(answer('127.0.0.1')) });
    const { port } = sentinels[0]!;
    const agents = new GuardedAgents(guard);
    for (const host of ['127.0.0.1', '[::1]', '[::ffff:7f00:1]', '0.0.0.0', 'name.example', 'localhost']) {
      for (const scheme of ['http', 'https']) {
        const url = new URL(`${scheme}://${host}:${port}/`);
        const pool = new EgressPool(guard, url, {}, () => undefined);
        const ways = [
          () => pool.request({ method: 'GET', path: '/' }),
          () => axios.get(url.href, axiosSettings(agents)).catch((error: Error) => error.cause),
        ];
        for (const way of ways) expect([url.href, seen(await outcome(way))]).toEqual([url.href, DENIED]);
        await pool.destroy();
      }
    }
    expect(touched()).toBe(0);
    agents.onApplicationShutdown();
  });

  it('denies a request that waited for a place among the sockets', async () => {
    const slow = await originServer((_, response) => void setTimeout(() => response.end(), 50));
    const open = egressFor([`127.0.0.1:${slow.port}`]);
    const agents = new GuardedAgents(open.guard);
    agents.http.maxTotalSockets = 1;
    const first = axios.get(slow.url, axiosSettings(agents));
    const second = axios.get(`http://127.0.0.2:${slow.port}/`, axiosSettings(agents));
    await expect(second).rejects.toMatchObject({ cause: expect.any(EgressDeniedError) });
    await first;
    agents.onApplicationShutdown();
    await slow.close();
  });

  it('does not deny a name that does not resolve', async () => {
    const lost = egressFor([], { lookup: () => Promise.reject(Object.assign(new Error('no'), { code: 'ENOTFOUND' })) });
    await expect(lost.guard.check('https://nowhere.example/')).resolves.toBeInstanceOf(URL);
    await lost.close();
  });
});

describe('a name that changes its mind', () => {
  it('is judged again on every new socket', async () => {
    const server = await originServer((_, response) => response.setHeader('connection', 'close').end('ok'));
    const answers = [answer('127.0.0.1'), answer('127.0.0.2'), answer('::1', '127.0.0.1')];
    let now = 0;
    const egress = egressFor([`127.0.0.1:${server.port}`], {
      lookup: () => Promise.resolve(answers.shift()!),
      now: () => now,
    });
    const url = `http://name.test:${server.port}/`;
    const pool = egress.pools.open(url);
    const calls = [
      () => pool.request({ method: 'GET', path: '/' }),
      () => egress.http.request({ method: 'GET', url }),
      () => egress.guard.check(url),
    ];

    for (const call of calls) await call();
    expect(answers).toHaveLength(2);
    for (const _ of ['127.0.0.2', '::1 and 127.0.0.1']) {
      now += 30_000;
      for (const call of calls) expect(seen(await outcome(call))).toEqual(DENIED);
    }
    expect(answers).toHaveLength(0);
    expect(server.connections).toBe(2);
    await egress.close();
    await server.close();
  });

  it('is asked for once per 30 s, however many ask at once', async () => {
    let asked = 0;
    let now = 0;
    const lookup = () => Promise.resolve((asked += 1)).then(() => answer('1.1.1.1'));
    const egress = egressFor([], { lookup, now: () => now });
    await Promise.all(Array.from({ length: 20 }, () => egress.guard.check('https://name.example/')));
    now = 29_999;
    await egress.guard.check('https://name.example/');
    expect(asked).toBe(1);
    now = 30_000;
    await egress.guard.check('https://name.example/');
    expect(asked).toBe(2);
    await egress.close();
  });

  it('never has more than three names asked for at a time, and gives up on each after 2 s', async () => {
    let running = 0;
    let most = 0;
    const lookup = () => {
      most = Math.max(most, (running += 1));
      return new Promise<never>(() => undefined);
    };
    const egress = egressFor([], { lookup });
    const started = performance.now();
    await Promise.all(Array.from({ length: 10 }, (_, n) => egress.guard.check(`https://n${n}.example/`)));
    expect(performance.now() - started).toBeLessThan(4_000);
    expect(most).toBe(3);
    await egress.close();
  });
});

describe('the operator’s exceptions', () => {
  const judge = (allow: string[], url: string): Promise<unknown> =>
    outcome(() => egressFor(allow, { lookup: () => Promise.resolve(answer('10.1.2.3')) }).guard.check(url));

  it.each([
    ['127.0.0.1:9000', 'http://127.0.0.1:9000/'],
    ['127.0.0.1:9000', 'https://127.0.0.1:9000/'],
    ['127.0.0.1:9000', 'http://2130706433:9000/'],
    ['127.0.0.0/8:*', 'http://127.8.8.8/'],
    ['[::1]:80', 'http://[::1]/'],
    ['10.0.0.0/8:8080', 'http://name.example:8080/'],
    ['10.0.0.0/8:8080', 'http://api.corp.internal:8080/'],
    ['10.0.0.0/8:443', 'https://name.example/'],
    ['name.example:8080', 'http://name.example:8080/'],
    ['api.corp.internal:443', 'https://api.corp.internal/'],
    ['localhost:*', 'http://localhost:9000/'],
    ['name.example.:443', 'https://name.example./'],
  ])('%s lets %s through', async (allow, url) => {
    await expect(judge([allow], url)).resolves.toBeInstanceOf(URL);
  });

  it.each([
    ['127.0.0.1:9000', 'http://127.0.0.1:9001/'],
    ['127.0.0.1:9000', 'http://127.0.0.2:9000/'],
    ['127.0.0.0/8:*', 'http://[::1]:9000/'],
    ['127.0.0.0/8:*', 'http://0.0.0.0:9000/'],
    ['10.0.0.0/8:8080', 'http://name.example:8081/'],
    ['11.0.0.0/8:8080', 'http://name.example:8080/'],
    ['name.example:8080', 'http://name.example:8081/'],
    ['name.example:8080', 'http://other.example:8080/'],
    ['name.example:8080', 'http://10.1.2.3:8080/'],
    ['name.example:8080', 'http://user@name.example:8080/'],
    ['1.1.1.0/24:8080', 'http://1.1.2.1:8080/'],
    ['localhost:9000', 'http://localhost.:9000/'],
  ])('%s does not let %s through', async (allow, url) => {
    expect(seen(await judge([allow], url))).toEqual(DENIED);
  });

  it('hold for the real resolver of localhost', async () => {
    const egress = egressFor(['localhost:8080']);
    await expect(egress.guard.check('http://localhost:8080/')).resolves.toBeInstanceOf(URL);
    await expect(egress.guard.check('http://localhost:8081/')).rejects.toThrow(EgressDeniedError);
  });
});
