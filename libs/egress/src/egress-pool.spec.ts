import type { IncomingMessage, ServerResponse } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { type Egress, type OriginServer, egressFor, originServer, selfSigned } from '../testing/index.js';
import type { DispatchHandler, EgressPool, EgressPoolOptions, PoolRequest } from './egress-pool.js';
import {
  EgressBadAnswerError,
  EgressDeniedError,
  EgressRequestError,
  EgressTimeoutError,
  EgressTooLargeError,
  EgressUnreachableError,
} from './egress.errors.js';

const MIB = 1024 * 1024;
const EMPTY_GZIP = gzipSync('');
const BOMB = gzipSync(Buffer.alloc(64 * MIB));
const GET: PoolRequest = { method: 'GET', path: '/' };
const HOLLOW = Buffer.concat(Array.from({ length: 100_000 }, () => EMPTY_GZIP));

const hanging: ServerResponse[] = [];
const routes: Record<string, (request: IncomingMessage, response: ServerResponse) => void> = {
  '/': (_, response) => response.end('ok'),
  '/echo': (request, response) => request.pipe(response.setHeader('x-method', request.method!)),
  '/headers': (request, response) => response.end(JSON.stringify(request.headers)),
  '/teapot': (_, response) => response.writeHead(418).end('short and stout'),
  '/redirect': (_, response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
  '/early': (_, response) => {
    response.writeEarlyHints({ link: '</a>; rel=preload' });
    response.setHeader('set-cookie', ['a=1', 'b=2']).end('late');
  },
  '/silent': (_, response) => hanging.push(response),
  '/half': (_, response) => void response.writeHead(200, { 'content-length': 10 }).write('half'),
  '/cut': (_, response) => {
    response.writeHead(200, { 'content-length': 10 }).write('half');
    setImmediate(() => response.destroy());
  },
  '/drip': (_, response) => {
    const timer = setInterval(() => response.write('.'), 20);
    response.once('close', () => clearInterval(timer));
  },
  '/endless': (_, response) => {
    const more = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(64 * 1024)));
    };
    response.on('drain', more);
    more();
  },
  '/announced': (request, response) => {
    response.writeHead(200, { 'content-length': 50 * MIB });
    if (request.method === 'HEAD') response.end();
    else response.write('.');
  },
  '/bomb': (_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(BOMB),
  // 2 MB on the wire that decode to nothing.
  '/hollow': (_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(HOLLOW),
  '/gzip': (_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('packed')),
  '/br': (_, response) => response.writeHead(200, { 'content-encoding': 'br' }).end(brotliCompressSync('packed')),
  '/deflate': (_, response) => response.writeHead(200, { 'content-encoding': 'deflate' }).end(deflateSync('packed')),
  '/raw-deflate': (_, response) =>
    response.writeHead(200, { 'content-encoding': 'deflate' }).end(deflateRawSync('packed')),
  '/damaged': (_, response) =>
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('packed').subarray(0, 20)),
  '/unknown': (_, response) => response.writeHead(200, { 'content-encoding': 'gzip, br' }).end('?'),
  '/empty-gzip': (_, response) => response.writeHead(204, { 'content-encoding': 'gzip' }).end(),
  '/large-headers': (_, response) => response.writeHead(200, { 'x-large': 'x'.repeat(20_000) }).end(),
};

let server: OriginServer;
let egress: Egress;

beforeAll(async () => {
  server = await originServer((request, response) => routes[request.url!]!(request, response));
});
afterAll(() => server.close());
afterEach(() => egress.close());

function open(options: EgressPoolOptions = {}): EgressPool {
  egress = egressFor(['127.0.0.1:*']);
  return egress.pools.open(server.url, options);
}

const failure = (call: Promise<unknown>): Promise<Record<string, unknown>> =>
  call.then(
    () => ({}),
    (error: Record<string, unknown>) => error,
  );

describe('EgressPool.request', () => {
  it('gives status, headers and body, whatever the status', async () => {
    const pool = open();
    const answer = await pool.request({ method: 'POST', path: '/echo', body: 'hello', headers: { 'X-Key': 'k' } });
    expect(answer).toMatchObject({ status: 200, headers: { 'x-method': 'POST' } });
    expect(answer.body.toString()).toBe('hello');
    await expect(pool.request({ method: 'GET', path: '/teapot' })).resolves.toMatchObject({ status: 418 });
    await expect(pool.request({ method: 'GET', path: '/redirect' })).resolves.toMatchObject({ status: 302 });
    await expect(pool.request({ method: 'HEAD', path: '/announced' })).resolves.toMatchObject({ status: 200 });
  });

  it('reads past informational answers and keeps repeated headers apart', async () => {
    const answer = await open().request({ method: 'GET', path: '/early' });
    expect(answer).toMatchObject({ status: 200, headers: { 'set-cookie': ['a=1', 'b=2'] } });
    expect(answer.body.toString()).toBe('late');
  });

  it('keeps connections alive, and opens at most the given number', async () => {
    const before = server.connections;
    const pool = open({ connections: 2 });
    await Promise.all(Array.from({ length: 20 }, () => pool.request(GET)));
    for (let call = 0; call < 5; call += 1) await pool.request(GET);
    expect(server.connections - before).toBe(2);
    expect(pool.load).toEqual({ connected: 2, running: 0, queued: 0 });
  });

  it('asks for an answer without coding and sends the headers that were given', async () => {
    const { body } = await open().request({
      method: 'GET',
      path: '/headers',
      headers: { Authorization: 'Bearer t', 'x-two': ['1', '2'] },
    });
    expect(JSON.parse(body.toString())).toMatchObject({
      'accept-encoding': 'identity',
      authorization: 'Bearer t',
      'x-two': '1, 2',
    });
  });

  it.each(['/gzip', '/br', '/deflate', '/raw-deflate'])('decodes %s, which was not asked for', async (path) => {
    const { body } = await open().request({ method: 'GET', path });
    expect(body.toString()).toBe('packed');
  });

  it('takes an empty body with a coding for empty', async () => {
    await expect(open().request({ method: 'GET', path: '/empty-gzip' })).resolves.toMatchObject({
      status: 204,
      body: Buffer.alloc(0),
    });
  });

  it.each(['/damaged', '/unknown', '/large-headers'])('tells a bad answer: %s', async (path) => {
    await expect(open().request({ method: 'GET', path })).rejects.toThrow(EgressBadAnswerError);
  });

  it('stops at the bound of the decoded body: endless, announced and compressed', async () => {
    const pool = open();
    for (const path of ['/endless', '/announced', '/bomb', '/hollow']) {
      await expect(pool.request({ method: 'GET', path, maxBytes: MIB })).rejects.toThrow(EgressTooLargeError);
    }
    await expect(pool.request({ ...GET, maxBytes: 2 })).resolves.toMatchObject({ status: 200 });
    await expect(pool.request({ ...GET, maxBytes: 1 })).rejects.toThrow(EgressTooLargeError);
  });

  it('holds little more than the bound while a bomb arrives', async () => {
    const pool = open();
    const before = process.memoryUsage().arrayBuffers;
    await failure(pool.request({ method: 'GET', path: '/bomb', maxBytes: MIB }));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * MIB);
  });

  it.each(['/drip', '/silent', '/half'])('ends at the deadline: %s', async (path) => {
    const pool = open();
    const started = performance.now();
    await expect(pool.request({ method: 'GET', path, timeoutMs: 300 })).rejects.toMatchObject({
      code: 'COMPOSER_EGRESS_TIMEOUT',
      beforeSent: false,
    });
    expect(performance.now() - started).toBeLessThan(3_000);
  });

  it('gives up on headers and on silence in the body before the deadline', async () => {
    const pool = open({ headersTimeoutMs: 100, idleTimeoutMs: 100 });
    for (const path of ['/silent', '/half']) {
      const error = await failure(pool.request({ method: 'GET', path, timeoutMs: 20_000 }));
      expect(error).toBeInstanceOf(EgressTimeoutError);
      expect(error['message']).not.toContain('20000');
    }
  });

  it('does not send a request whose deadline passed while it waited in line', async () => {
    const pool = open({ connections: 1 });
    const seen = hanging.length;
    const first = failure(pool.request({ method: 'GET', path: '/silent', timeoutMs: 1_000 }));
    await expect(pool.request({ method: 'GET', path: '/silent', timeoutMs: 100 })).rejects.toMatchObject({
      beforeSent: true,
    });
    await first;
    await pool.request(GET);
    expect(hanging.length - seen).toBe(1);
  });

  it('stops when its signal says so, with the reason of the signal', async () => {
    const pool = open();
    const stop = new AbortController();
    const reason = new Error('the client has gone');
    const call = pool.request({ method: 'GET', path: '/endless', maxBytes: 10_000 * MIB, signal: stop.signal });
    setImmediate(() => stop.abort(reason));
    await expect(call).rejects.toBe(reason);
    await expect(pool.request({ ...GET, signal: stop.signal })).rejects.toBe(reason);
  });

  it('tells a broken connection from one that was never made', async () => {
    const pool = open();
    await expect(pool.request({ method: 'GET', path: '/cut' })).rejects.toMatchObject({
      code: 'COMPOSER_EGRESS_UNREACHABLE',
      beforeSent: false,
    });

    const gone = await originServer();
    await gone.close();
    const dead = egress.pools.open(gone.url);
    await expect(dead.request(GET)).rejects.toMatchObject({
      code: 'COMPOSER_EGRESS_UNREACHABLE',
      beforeSent: true,
      retryable: true,
    });
  });

  it('tells a name that does not resolve', async () => {
    egress = egressFor(['lost.test:*'], {
      lookup: () => Promise.reject(Object.assign(new Error('no'), { code: 'ENOTFOUND' })),
    });
    await expect(egress.pools.open('http://lost.test').request(GET)).rejects.toMatchObject({ beforeSent: true });
  });

  it('tells what is not HTTP', async () => {
    egress = egressFor(['127.0.0.1:*']);
    const ssh = createServer((socket) => {
      socket.on('error', () => undefined).once('data', () => socket.end('SSH-2.0-OpenSSH_9.2\r\n'));
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => ssh.once('listening', resolve));
    const pool = egress.pools.open(`http://127.0.0.1:${(ssh.address() as AddressInfo).port}`);
    await expect(pool.request(GET)).rejects.toThrow(EgressBadAnswerError);
    await new Promise((resolve) => ssh.close(resolve));
  });

  it.each<[string, Partial<PoolRequest>]>([
    ['CR and LF in a value', { headers: { 'x-a': 'a\r\nx-evil: 1' } }],
    ['LF in a value', { headers: { 'x-a': 'a\nb' } }],
    ['NUL in a value', { headers: { 'x-a': 'a\0b' } }],
    ['letters beyond ASCII in a value', { headers: { 'x-a': 'é' } }],
    ['a bad value among several', { headers: { 'x-a': ['fine', 'a\r\n'] } }],
    ['CR and LF in a name', { headers: { 'x-a\r\nx-evil': '1' } }],
    ['an empty name', { headers: { '': '1' } }],
    ['a name given twice', { headers: { 'x-a': '1', 'X-A': '2' } }],
    ['host', { headers: { Host: 'evil.example' } }],
    ['transfer-encoding', { headers: { 'Transfer-Encoding': 'chunked' } }],
    ['content-length', { headers: { 'content-length': '0' } }],
    ['too many headers', { headers: Object.fromEntries(Array.from({ length: 101 }, (_, n) => [`x-${n}`, '1'])) }],
    ['too large headers', { headers: { 'x-a': 'a'.repeat(40_000) } }],
    ['an address for a path', { path: 'http://evil.example/' }],
    ['CR and LF in a path', { path: '/a\r\nhost: evil' }],
    ['a blank in a path', { path: '/a b' }],
    ['a long path', { path: `/${'a'.repeat(5_000)}` }],
    ['a method with a blank', { method: 'GET /evil' }],
  ])('refuses %s before anything is sent', async (_, part) => {
    const before = server.connections;
    const error = await failure(open().request({ ...GET, ...part }));
    expect(error).toBeInstanceOf(EgressRequestError);
    expect(error['message']).not.toMatch(/evil|é|fine/);
    expect(server.connections).toBe(before);
  });
});

describe('EgressPool over TLS', () => {
  // Jest gives its tests a copy of the environment, but TLS reads the real one, in the realm where Node's modules live.
  const NodeFunction = createServer.constructor as FunctionConstructor;
  const { env: environment } = NodeFunction('return process')() as NodeJS.Process;

  it.each([
    ['a certificate that nobody vouches for', {}, 'certificate'],
    ['TLS 1.1', { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const, 'TLS'],
  ])('refuses %s, and no environment variable changes that', async (_, settings, what) => {
    const handler = jest.fn();
    const secure = await originServer(handler, { tls: { ...selfSigned('127.0.0.1'), ...settings } });
    egress = egressFor(['127.0.0.1:*']);
    environment['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    try {
      const calls = [
        egress.pools.open(secure.url).request(GET),
        egress.http.request({ method: 'GET', url: secure.url }),
      ];
      for (const call of calls) {
        await expect(call).rejects.toThrow(EgressUnreachableError);
        await expect(call).rejects.toThrow(what);
      }
    } finally {
      delete environment['NODE_TLS_REJECT_UNAUTHORIZED'];
      await secure.close();
    }
    expect(handler).not.toHaveBeenCalled();
  });
});

describe('EgressPool.dispatch', () => {
  const errorOf = (pool: EgressPool): Promise<Error> =>
    new Promise((resolve) => {
      const handler: DispatchHandler = {
        onRequestStart() {},
        onResponseStart() {},
        onResponseData() {},
        onResponseEnd() {},
        onResponseError: (_, error) => resolve(error),
      };
      pool.dispatch({ method: 'GET', path: '/' }, handler);
    });

  it('hands the bytes of the answer to the handler', async () => {
    const pool = open();
    const text = await new Promise<string>((resolve, reject) => {
      let body = '';
      const handler: DispatchHandler = {
        onRequestStart() {},
        onResponseStart() {},
        onResponseData: (_, chunk) => void (body += chunk.toString()),
        onResponseEnd: () => resolve(body),
        onResponseError: (_, error) => reject(error),
      };
      pool.dispatch({ method: 'GET', path: '/', headers: ['x-key', 'k'] }, handler);
    });
    expect(text).toBe('ok');
  });

  /** Notes what became of a request under its name. */
  const noting = (name: string, notes: string[]): DispatchHandler => ({
    onRequestStart: () => void notes.push(`${name} sent`),
    onResponseEnd: () => void notes.push(`${name} answered`),
    onResponseError: () => void notes.push(`${name} failed`),
  });

  it('sends requests in the order in which they came, and those that were taken back not at all', async () => {
    const pool = open({ connections: 1 });
    const notes: string[] = [];
    const handlers = ['a', 'b', 'c'].map((name) => noting(name, notes));
    for (const handler of handlers) pool.dispatch({ method: 'GET', path: '/' }, handler);
    expect(pool.load.queued).toBe(2);
    pool.withdraw(handlers[1]!);
    expect(pool.load.queued).toBe(1);
    await pool.request(GET);
    expect(notes).toEqual(['a sent', 'a answered', 'c sent', 'c answered']);
    pool.withdraw(handlers[0]!);
    await pool.request(GET);
  });

  it('has room until too many requests wait, or too large ones', async () => {
    const pool = open({ connections: 1 });
    const wait = (body: string | null) => {
      const handler = noting('x', []);
      pool.dispatch({ method: 'POST', path: '/silent', body }, handler);
      return handler;
    };
    wait(null);
    const large = [wait('x'.repeat(16 * MIB)), wait('x'.repeat(16 * MIB))];
    expect(pool.hasRoom).toBe(false);
    for (const handler of large) pool.withdraw(handler);
    for (let count = 0; count < 255; count++) wait(null);
    expect(pool.hasRoom).toBe(true);
    wait(null);
    expect(pool.hasRoom).toBe(false);
    await pool.destroy();
    expect(pool.hasRoom).toBe(true);
  });

  it('answers what waits before it closes, and fails it when it is destroyed', async () => {
    const notes: string[] = [];
    const [closed, destroyed] = [open({ connections: 1 }), egress.pools.open(server.url, { connections: 1 })];
    for (const name of ['a', 'b']) closed.dispatch({ method: 'GET', path: '/' }, noting(name, notes));
    await closed.close();
    expect(notes).toEqual(['a sent', 'a answered', 'b sent', 'b answered']);
    for (const name of ['c', 'd']) destroyed.dispatch({ method: 'GET', path: '/silent' }, noting(name, notes));
    await destroyed.destroy();
    expect(notes).toContain('c failed');
    expect(notes).toContain('d failed');
  });

  it('gives the one denial to every request that waits for a connection that may not be made', async () => {
    egress = egressFor([], { lookup: () => Promise.resolve([{ address: '127.0.0.1', family: 4 }]) });
    const pool = egress.pools.open('https://name.example', { connections: 1 });
    const errors = await Promise.all([errorOf(pool), errorOf(pool), errorOf(pool)]);
    for (const error of errors) expect(error).toBeInstanceOf(EgressDeniedError);
  });
});

describe('EgressPools', () => {
  it('closes a pool after what is under way, and destroys it before', async () => {
    const pool = open();
    const call = pool.request({ method: 'POST', path: '/echo', body: 'last' });
    await pool.close();
    await expect(call).resolves.toMatchObject({ status: 200 });
    await expect(pool.request(GET)).rejects.toThrow(EgressUnreachableError);

    const other = egress.pools.open(server.url);
    expect(egress.pools.size).toBe(1);
    const lost = failure(other.request({ method: 'GET', path: '/silent' }));
    await other.destroy();
    expect(await lost).toBeInstanceOf(EgressUnreachableError);
    expect(egress.pools.size).toBe(0);
  });

  it('ends at shutdown even if an answer never does, and opens nothing afterwards', async () => {
    const pool = open();
    const call = failure(pool.request({ method: 'GET', path: '/endless', maxBytes: 100_000 * MIB }));
    await egress.pools.onApplicationShutdown();
    expect(await call).toBeInstanceOf(EgressUnreachableError);
    expect(egress.pools.size).toBe(0);
    expect(() => egress.pools.open(server.url)).toThrow(EgressUnreachableError);
  });
});
