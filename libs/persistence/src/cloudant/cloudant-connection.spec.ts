import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, type RequestListener, createServer, request } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { tenantId } from '#kernel';
import { type CloudantServer, openCloudantDocuments, openCloudantServer, until } from '../../testing/index.js';
import type { CloudantConfig } from '../persistence.config.js';

const WAYS = ['iam', 'basic', 'session'] as const;
const PROXIES = ['HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy', 'NO_PROXY', 'no_proxy'];
const unavailable = { code: 'COMPOSER_DATABASE_UNAVAILABLE', retryable: true };

describe('the credential of a Cloudant', () => {
  const ref = { partition: tenantId(randomUUID()), path: 'a/1' };
  const before = PROXIES.map((name) => [name, process.env[name]] as const);
  const closing: (() => Promise<void>)[] = [];
  let server: CloudantServer;
  beforeAll(async () => void (server = await openCloudantServer()));
  afterAll(() => server?.close());
  afterEach(async () => {
    server.front.faults.clear();
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    for (const close of closing.splice(0).reverse()) await close();
  });

  const open = async (config: CloudantConfig) => {
    const opened = await openCloudantDocuments(config);
    closing.push(() => opened.close());
    return opened;
  };
  /** A server of this spec; gives its URL. */
  const listen = async (listener: RequestListener): Promise<string> => {
    const other = createServer({ keepAliveTimeout: 60_000 }, listener).listen(0, '127.0.0.1');
    await once(other, 'listening');
    closing.push(async () => {
      other.closeAllConnections();
      other.close();
    });
    return `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
  };
  /** The same database by way of another address. */
  const by = (url: string, { authentication, ...config }: CloudantConfig): CloudantConfig => ({
    ...config,
    url,
    authentication: authentication.type === 'iam' ? { ...authentication, url } : authentication,
  });

  it.each(WAYS)('goes to no proxy that the environment names, with %s', async (way) => {
    const seen: string[] = [];
    const proxy = await listen(({ method, url }, response) => {
      seen.push(`${method} ${url}`);
      response.writeHead(502).end();
    });
    for (const name of PROXIES) process.env[name] = /no/i.test(name) ? '' : proxy;
    const { documents } = await open(server.database(way));
    await documents.write(ref, { n: 1 });
    expect(await documents.read(ref)).toMatchObject({ body: { n: 1 } });
    expect(seen).toEqual([]);
  });

  it.each(WAYS)('does not go on to where an answer redirects, with %s', async (way) => {
    const seen: string[] = [];
    const elsewhere = await listen(({ method, url }, response) => {
      seen.push(`${method} ${url}`);
      response.writeHead(500).end();
    });
    const door = await listen(({ url = '' }, response) => {
      response.writeHead(307, { location: `${elsewhere}${url}` }).end();
    });
    await expect(open(by(door, server.database(way)))).rejects.toMatchObject(unavailable);
    expect(seen).toEqual([]);
  });

  it('is shown anew where the first request for a token or a session hangs', async () => {
    const isLogin = ({ url }: IncomingMessage) => /^\/(_session|identity\/token)$/.test(url ?? '');
    const outlives = async (way: 'iam' | 'session'): Promise<void> => {
      let logins = 0;
      const door = await listen((incoming, response) => {
        if (isLogin(incoming) && ++logins === 1) return;
        passOn(incoming, server.front.url, response);
      });
      const { documents } = await open(by(door, server.database(way)));
      expect(logins).toBe(2);
      expect(await documents.read(ref)).toBeUndefined();
    };
    await Promise.all([outlives('iam'), outlives('session')]);
  });

  it.each(['iam', 'session'] as const)(
    'is fetched once for all who find out that it has ended, with %s',
    async (way) => {
      const { documents, secrets } = await open(server.database(way));
      const read = () => documents.read(ref);
      await Promise.all(Array.from({ length: 12 }, read));
      const { gatekeeper } = server.front;
      const [logins, old] = [gatekeeper.logins, gatekeeper.newest];
      gatekeeper.forget();
      await Promise.all(Array.from({ length: 12 }, read));
      expect(gatekeeper.logins).toBe(logins + 1);
      expect(secrets.mask(gatekeeper.newest)).toBe('[secret]');
      expect(secrets.mask(old)).toBe(old);
    },
  );

  it('leaves no connection behind when it has ended, and no request that was under way', async () => {
    const sockets = new Set<Socket>();
    let hold = (): void => undefined;
    const held = new Promise<void>((resolve) => (hold = resolve));
    let isHeld = (): void => undefined;
    const holding = new Promise<void>((resolve) => (isHeld = resolve));
    const door = await listen((incoming, response) => {
      sockets.add(incoming.socket);
      if (!incoming.url?.includes('slow')) return passOn(incoming, server.front.url, response);
      isHeld();
      void held.then(() => response.writeHead(404).end('{"error":"not_found","reason":"missing"}'));
    });
    const { documents } = await open({ ...server.database('session'), url: door });
    const slow = documents.read({ ...ref, path: 'slow' });
    await holding;
    const before = [...sockets];
    server.front.gatekeeper.forget();
    await documents.read(ref);
    expect(before.some((socket) => !socket.destroyed)).toBe(true);
    hold();
    expect(await slow).toBeUndefined();
    await until(() => before.every((socket) => socket.destroyed), 'the first session to close', 5_000);
  });

  it('is not what a fault of this process is taken for', async () => {
    const { connection } = await open(server.database());
    let tries = 0;
    const faulty = (error: Error) => () => {
      tries += 1;
      throw error;
    };
    const coded = Object.assign(new Error('not our id'), { code: 'ERR_INVALID_ARG_VALUE' });
    for (const error of [new TypeError('no function'), coded]) {
      tries = 0;
      await expect(connection.send(faulty(error))).rejects.toBe(error);
      expect(tries).toBe(1);
    }
    await connection.close();
    tries = 0;
    await expect(connection.send(faulty(coded))).rejects.toThrow('is not open');
    expect(tries).toBe(0);
  });
});

function passOn(incoming: IncomingMessage, to: string, response: Parameters<RequestListener>[1]): void {
  const { method, url, headers } = incoming;
  const outgoing = request(`${to}${url}`, { method, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 0, answer.headers);
    answer.pipe(response);
  });
  outgoing.on('error', () => response.destroy());
  incoming.pipe(outgoing);
}
