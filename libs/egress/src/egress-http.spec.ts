import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { inspect } from 'node:util';
import { gzipSync } from 'node:zlib';
import { ComposerError } from '#kernel';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { HttpService } from '@nestjs/axios';
import axios, { type InternalAxiosRequestConfig } from 'axios';
import { type Egress, type OriginServer, egressFor, originServer, ssrfCorpus } from '../testing/index.js';
import {
  EgressBadAnswerError,
  EgressDeniedError,
  EgressRequestError,
  EgressTimeoutError,
  EgressTooLargeError,
} from './egress.errors.js';
import { EgressHttp } from './egress-http.js';

const MIB = 1024 * 1024;
const SECRETS = {
  Authorization: 'Bearer t',
  Cookie: 'a=b',
  'X-API-Key': 'k',
  'X-Custom': 'c',
  'Content-Type': 'text/plain',
  Accept: 'text/html',
};

let here: OriginServer;
let there: OriginServer;
let egress: Egress;
let target: string;
let arrived: IncomingHttpHeaders | undefined;
let redirects: number;

function answer(request: IncomingMessage, response: ServerResponse): void {
  const { pathname, searchParams } = new URL(request.url!, 'http://local');
  const status = Number(searchParams.get('status') ?? 302);
  switch (pathname) {
    case '/go':
      redirects += 1;
      return void response.writeHead(status, { location: target }).end('moved');
    case '/round':
      redirects += 1;
      return void response.writeHead(302, { location: '/round' }).end();
    case '/next':
      return void response.writeHead(302, { location: 'end?from=next' }).end();
    case '/echo':
      return void request.pipe(
        response.setHeader('x-method', request.method!).setHeader('x-type', request.headers['content-type'] ?? 'none'),
      );
    case '/teapot':
      return void response.writeHead(418).end('short');
    case '/drip': {
      response.write('.');
      const timer = setInterval(() => response.write('.'), 20);
      return void response.once('close', () => clearInterval(timer));
    }
    case '/silent':
      return;
    case '/cut':
      response.writeHead(200, { 'content-length': 10 }).write('half');
      return void setImmediate(() => response.destroy());
    case '/bomb':
      return void response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(64 * MIB)));
    case '/gzip':
      return void response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('packed'));
    case '/large':
      return void response.end(Buffer.alloc(6 * MIB));
    case '/large-headers':
      return void response.writeHead(200, { 'x-large': 'x'.repeat(20_000) }).end();
    default:
      arrived = request.headers;
      response.end('end');
  }
}

beforeAll(async () => {
  here = await originServer(answer);
  there = await originServer(answer);
});
afterAll(async () => {
  await here.close();
  await there.close();
});
beforeEach(() => {
  egress = egressFor(['127.0.0.1:*']);
  arrived = undefined;
  redirects = 0;
});
afterEach(() => egress.close());

const get = (path: string, more = {}) => egress.http.request({ method: 'GET', url: `${here.url}${path}`, ...more });

describe('EgressHttp', () => {
  it('gives status, headers, decoded body and address, whatever the status', async () => {
    const answer = await egress.http.request({
      method: 'POST',
      url: `${here.url}/echo`,
      body: '{"a":1}',
      headers: { 'content-type': 'application/json' },
    });
    expect(answer).toMatchObject({
      status: 200,
      url: `${here.url}/echo`,
      headers: { 'x-method': 'POST', 'x-type': 'application/json' },
    });
    expect(answer.body.toString()).toBe('{"a":1}');
    await expect(get('/teapot')).resolves.toMatchObject({ status: 418, body: Buffer.from('short') });
    await expect(get('/gzip')).resolves.toMatchObject({ body: Buffer.from('packed') });
  });

  it('invents no content type and changes no body', async () => {
    const url = `${here.url}/echo`;
    const answer = await egress.http.request({ method: 'POST', url, body: Buffer.from([0, 255, 1]) });
    expect(answer).toMatchObject({ headers: { 'x-type': 'none' }, body: Buffer.from([0, 255, 1]) });
  });

  it('uses no proxy of the environment', async () => {
    for (const name of ['HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'all_proxy']) process.env[name] = there.url;
    const before = there.connections;
    await expect(get('/teapot')).resolves.toMatchObject({ status: 418 });
    for (const name of ['HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'all_proxy']) delete process.env[name];
    expect(there.connections).toBe(before);
  });

  it('bounds the decoded body', async () => {
    await expect(get('/bomb')).rejects.toThrow(EgressTooLargeError);
    await expect(get('/large')).rejects.toThrow(EgressTooLargeError);
    await expect(get('/large', { maxBytes: 6 * MIB })).resolves.toMatchObject({ status: 200 });
    await expect(get('/teapot', { maxBytes: 4 })).rejects.toThrow(EgressTooLargeError);
  });

  it.each(['/drip', '/silent'])('ends at the deadline: %s', async (path) => {
    const started = performance.now();
    await expect(get(path, { timeoutMs: 200 })).rejects.toThrow(EgressTimeoutError);
    expect(performance.now() - started).toBeLessThan(3_000);
  });

  it('stops when its signal says so', async () => {
    const stop = new AbortController();
    const reason = new Error('enough');
    const call = get('/drip', { signal: stop.signal });
    setImmediate(() => stop.abort(reason));
    await expect(call).rejects.toBe(reason);
    await expect(get('/teapot', { signal: stop.signal })).rejects.toBe(reason);
  });

  it('tells what went wrong by type', async () => {
    const gone = await originServer();
    await gone.close();
    await expect(egress.http.request({ method: 'GET', url: gone.url })).rejects.toMatchObject({
      code: 'COMPOSER_EGRESS_UNREACHABLE',
      beforeSent: true,
    });
    await expect(get('/cut')).rejects.toMatchObject({ code: 'COMPOSER_EGRESS_UNREACHABLE', beforeSent: false });
    await expect(get('/large-headers')).rejects.toThrow(EgressBadAnswerError);
    await expect(get('/', { headers: { 'x-a': 'a\r\nx-evil: 1' } })).rejects.toThrow(EgressRequestError);
  });

  it('keeps the request out of its errors, however deeply they are inspected', async () => {
    const gone = await originServer();
    await gone.close();
    const headers = { authorization: 'Bearer hunter2' };
    const calls = [
      get('/cut?token=hunter2', { headers }),
      get('/silent?token=hunter2', { headers, timeoutMs: 50 }),
      egress.http.request({ method: 'POST', url: `${gone.url}/?token=hunter2`, headers, body: 'hunter2' }),
      egress.http.request({ method: 'NO WAY', url: `${here.url}/?token=hunter2`, headers }),
    ];
    for (const outcome of await Promise.allSettled(calls)) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: expect.any(ComposerError) });
      expect(inspect(outcome, { depth: 20, showHidden: true })).not.toContain('hunter2');
    }
  });
});

describe('EgressHttp and redirects', () => {
  it('follows none unless asked, and the redirect is then the answer', async () => {
    target = `${there.url}/end`;
    await expect(get('/go')).resolves.toMatchObject({ status: 302, url: `${here.url}/go`, body: Buffer.from('moved') });
    expect(arrived).toBeUndefined();
  });

  it('follows at most three, whatever is asked', async () => {
    await expect(get('/round', { redirects: 99 })).resolves.toMatchObject({ status: 302 });
    expect(redirects).toBe(4);
  });

  it('follows relative addresses and says where the answer came from', async () => {
    await expect(get('/next', { redirects: 1 })).resolves.toMatchObject({
      status: 200,
      url: `${here.url}/end?from=next`,
    });
  });

  it('carries all headers within the origin', async () => {
    target = '/end';
    await get('/go', { redirects: 1, headers: SECRETS });
    expect(arrived).toMatchObject({ authorization: 'Bearer t', cookie: 'a=b', 'x-api-key': 'k', 'x-custom': 'c' });
  });

  it.each([301, 302, 303, 307, 308])(
    'carries no credential and no header of one’s own to another origin: %s',
    async (status) => {
      target = `${there.url}/end`;
      await get(`/go?status=${status}`, { redirects: 1, headers: SECRETS });
      expect(arrived).toMatchObject({ accept: 'text/html' });
      expect(Object.keys(arrived!).filter((name) => /authorization|cookie|^x-|content-type/.test(name))).toEqual([]);
    },
  );

  it('does not give them back on the way home', async () => {
    const back = await originServer((_, response) => response.writeHead(302, { location: `${here.url}/end` }).end());
    target = back.url;
    await get('/go', { redirects: 2, headers: SECRETS });
    expect(arrived).not.toHaveProperty('x-api-key');
    await back.close();
  });

  it('follows none for methods that carry a body', async () => {
    target = `${there.url}/end`;
    const url = `${here.url}/go?status=307`;
    await expect(egress.http.request({ method: 'POST', url, body: 'secret=1', redirects: 3 })).resolves.toMatchObject({
      status: 307,
    });
    expect(arrived).toBeUndefined();
  });

  it('never goes from https to http, not even where http is allowed', async () => {
    // Nobody vouches for a certificate of ours, so the https side is played where axios hands over to the network.
    const data = Object.assign(Readable.from([]), { headers: { location: `${there.url}/end` } });
    const adapter = (config: InternalAxiosRequestConfig) =>
      Promise.resolve({ data, status: 302, statusText: '', headers: {}, config });
    const http = new EgressHttp(egress.guard, new HttpService(axios.create({ adapter, validateStatus: () => true })));
    const call = http.request({ method: 'GET', url: 'https://public.example/', redirects: 1 });
    await expect(call).rejects.toThrow(EgressDeniedError);
    expect(arrived).toBeUndefined();
  });

  it('judges every hop: no form of an inside address is reached', async () => {
    const sentinel = await originServer(undefined, { host: '127.0.0.1' });
    await egress.close();
    egress = egressFor([`127.0.0.1:${here.port}`]);
    // A bare path is a redirect within the origin, and a header cannot hold control characters or other alphabets.
    const forms = ssrfCorpus(sentinel.port).filter((url) => /^[a-z][a-z+]*:[\x21-\x7e]+$/.test(url));
    expect(forms.length).toBeGreaterThan(350);
    for (target of forms) {
      const error = await get('/go', { redirects: 3 }).catch((caught: unknown) => caught);
      expect([target, error]).toEqual([target, expect.any(EgressDeniedError)]);
    }
    expect(sentinel.connections).toBe(0);
    await sentinel.close();
  });
});
