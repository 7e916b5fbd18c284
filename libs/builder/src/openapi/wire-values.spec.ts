import { type Socket, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type Egress, egressFor } from '#egress/testing';
import type { EgressPool } from '#egress';
import { applyPatch } from '../wire/request-head.js';
import { type ExchangeListener, WireExchange } from '../wire/wire-exchange.js';
import { buildRequest } from './build-request.js';
import { compileOperations } from './compile-operations.js';
import type { OpenApiOperation } from './openapi-operation.js';
import { InvalidArgumentsError } from './openapi.errors.js';
import { parseDocument } from './parse-document.js';

// 10,000 values of a path with `WIRE_VALUES=10000`.
const VALUES = Number(process.env['WIRE_VALUES'] ?? 1_500);
const AT_ONCE = 50;
const CREDENTIAL = 'Bearer of-the-member';
/** Ours to set, or to be set by nobody. */
const RESERVED = ['Host', 'Content-Length', 'Transfer-Encoding', 'Connection', 'Authorization', 'Cookie', 'Forwarded'];
const MORE_RESERVED = [
  'X-Forwarded-For',
  'Proxy-Authorization',
  'TE',
  'Upgrade',
  'Mcp-Session-Id',
  'Expect',
  'Trailer',
];

const parameter = (name: string, place: string, more: object = {}) => ({
  ...{ name, in: place, schema: {}, ...more },
  ...(place === 'path' && { required: true }),
});
const DOCUMENT = {
  openapi: '3.1.0',
  paths: {
    '/orders/{id}/items/v{item}.json': {
      get: {
        operationId: 'plain',
        parameters: [
          ...[parameter('id', 'path'), parameter('item', 'path', { style: 'label' }), parameter('q', 'query')],
          ...[parameter('r', 'query', { allowReserved: true }), parameter('deep', 'query', { style: 'deepObject' })],
          ...[
            parameter('X-Thing', 'header'),
            parameter('X-List', 'header', { explode: true }),
            parameter('sid', 'cookie'),
          ],
          ...[...RESERVED, ...MORE_RESERVED].map((name) => parameter(name, 'header')),
        ],
      },
    },
  },
};

/** The request line and the headers of one request, to the byte. */
type Head = readonly string[];

describe('a request on the wire', () => {
  const heads: Head[] = [];
  const sockets = new Set<Socket>();
  let egress: Egress;
  let pool: EgressPool;
  let operation: OpenApiOperation;
  let base: URL;

  const server = createServer((socket) => {
    let text = '';
    sockets.add(socket.on('error', () => socket.destroy()));
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
        heads.push(text.slice(0, end).split('\r\n'));
        text = text.slice(end + 4);
        socket.write('HTTP/1.1 204 No Content\r\n\r\n');
      }
    });
  });

  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    base = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/base/v1?key=a`);
    egress = egressFor([base.host]);
    pool = egress.pools.open(base, { connections: 8 });
    operation = compileOperations(parseDocument(DOCUMENT)).operations[0]!;
  });
  afterAll(async () => {
    await egress.close();
    sockets.forEach((socket) => socket.destroy());
    await new Promise((resolve) => server.close(resolve));
  });

  /** Sends what the arguments make, as a call does; false if they are refused. */
  async function send(args: object): Promise<boolean> {
    try {
      const { method, path, headers } = buildRequest(operation, args, base);
      const [target, list] = applyPatch(path, headers, { headers: { authorization: CREDENTIAL } });
      await new Promise<void>((resolve, reject) => {
        const listener: ExchangeListener = { head: () => 'whole', body: () => resolve(), end: resolve, fail: reject };
        pool.dispatch({ method, path: target, headers: list, body: null }, new WireExchange(listener));
      });
      return true;
    } catch (error) {
      if (error instanceof InvalidArgumentsError) return false;
      throw error;
    }
  }

  function expectSound([line = '', ...fields]: Head): void {
    expect(line).toMatch(/^GET \/base\/v1\/orders\/[^/?#\\\s]+\/items\/v[^/?#\\\s]+\.json\?key=a[^\s#]* HTTP\/1\.1$/);
    const segments = line
      .split('?')[0]!
      .split('/')
      .map((part) => decodeURIComponent(part).split(';')[0]!.normalize('NFKC'));
    expect(segments.filter((part) => part === '.' || part === '..')).toEqual([]);
    const named = new Map<string, string>();
    for (const field of fields) {
      // eslint-disable-next-line no-control-regex -- control characters are what it looks for
      expect(field).toMatch(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+: ?[^\u0000-\u0008\u000a-\u001f\u007f]*$/);
      const name = field.slice(0, field.indexOf(':')).toLowerCase();
      expect(named.has(name)).toBe(false);
      named.set(name, field.slice(field.indexOf(':') + 1).trim());
    }
    const [...names] = named.keys();
    const allowed = ['host', 'connection', 'accept', 'authorization', 'x-thing', 'x-list', 'cookie'];
    expect(names.filter((name) => !allowed.includes(name))).toEqual([]);
    expect([named.get('host'), named.get('authorization')]).toEqual([base.host, CREDENTIAL]);
    const cookie = named.get('cookie');
    if (cookie !== undefined) expect(cookie).toMatch(/^sid=[^;,\s"\\]*$/);
  }

  const HOSTILE = [
    '\r\n',
    '\n',
    '\r',
    '\0',
    'Host: other',
    'GET / HTTP/1.1',
    '\u010a',
    '\u560d\u560a',
    '\u2028',
    ': ',
    '\t',
  ];
  const MOVING = [
    '..',
    '.',
    '/',
    '//',
    '\\',
    '?',
    '#',
    '%2e',
    '%2F',
    '%252e',
    '%00',
    '%0d%0a',
    ';',
    '@other.example',
    ':80',
    '．',
  ];
  const PLAIN = ['a', 'B', '7', '-', '~', ' ', 'é', '€', '👋', '%', '%41', '+', '&', '=', ',', '"', '{id}'];
  const text = fc.oneof(
    fc.array(fc.constantFrom(...PLAIN, ...MOVING), { minLength: 1, maxLength: 4 }).map((parts) => parts.join('')),
    fc.array(fc.constantFrom(...PLAIN), { minLength: 1, maxLength: 4 }).map((parts) => parts.join('')),
    fc.array(fc.constantFrom(...PLAIN, ...HOSTILE), { minLength: 1, maxLength: 4 }).map((parts) => parts.join('')),
    fc.string({ unit: 'binary', maxLength: 8 }),
  );
  const value = fc.oneof(
    { arbitrary: text, weight: 6 },
    fc.array(text, { minLength: 1, maxLength: 3 }),
    fc.dictionary(text, text, { minKeys: 1, maxKeys: 2 }),
    fc.constantFrom<unknown>(null, true, 7, {}, [], ['..', '..'], { '../..': '\r\n' }),
  );
  const plain = fc
    .array(fc.constantFrom(...PLAIN), { minLength: 1, maxLength: 3 })
    .map((parts) => `v${parts.join('')}`);
  const rarely = (arbitrary: fc.Arbitrary<unknown>) =>
    fc.oneof({ arbitrary: fc.constant(undefined), weight: 4 }, arbitrary);

  it(`stays where its template leads, whatever ${VALUES} values say`, async () => {
    const args = fc.record({
      id: value,
      item: fc.oneof({ arbitrary: plain, weight: 4 }, value),
      ...{ q: rarely(value), r: rarely(value), deep: rarely(value), sid: rarely(value) },
      ...{ 'X-Thing': rarely(value), 'X-List': rarely(value) },
    });
    const all = fc.sample(args, { numRuns: VALUES, seed: 20_261_126 });
    let [sent, refused] = [0, 0];
    for (let at = 0; at < all.length; at += AT_ONCE) {
      const outcomes = await Promise.all(all.slice(at, at + AT_ONCE).map(send));
      sent += outcomes.filter(Boolean).length;
      refused += outcomes.filter((isSent) => !isSent).length;
      expect(heads.length).toBe(sent);
    }
    heads.forEach(expectSound);
    expect(sent).toBeGreaterThan(VALUES / 10);
    expect(refused).toBeGreaterThan(VALUES / 10);
    if (process.env['WIRE_VALUES']) process.stdout.write(`${sent} sent, ${refused} refused, none astray\n`);
  }, 120_000);

  it.each([...RESERVED, ...MORE_RESERVED])(
    'takes no argument for the header %s, however it is written',
    async (name) => {
      const before = heads.length;
      for (const written of [
        name,
        name.toLowerCase(),
        name.toUpperCase(),
        `${name}__header`,
        ` ${name}`,
        `${name}\r\nX`,
      ]) {
        expect(await send({ id: 'a', item: 'b', [written]: '9' })).toBe(false);
      }
      expect(heads.length).toBe(before);
    },
  );
});
