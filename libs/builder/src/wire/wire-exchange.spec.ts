import type { RequestListener } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { EgressBadAnswerError, type EgressPool, EgressTooLargeError, EgressUnreachableError } from '#egress';
import { type Egress, type OriginServer, egressFor, originServer } from '#egress/testing';
import type { ComposerError } from '#kernel';
import { afterEach, describe, expect, it } from '@jest/globals';
import { type AnswerHead, type BodyForm, type ExchangeListener, WireExchange } from './wire-exchange.js';

const MIB = 1024 * 1024;

/** Keeps what it is told, in order, and settles with the last of it. */
class Recorder implements ExchangeListener {
  readonly told: string[] = [];
  readonly pieces: Buffer[] = [];
  head_: AnswerHead | undefined;
  whole: Buffer | undefined;
  fault: { error: ComposerError; isUnsent: boolean } | undefined;
  onEvent: (data: string) => void = () => undefined;
  onPiece: (piece: Buffer) => boolean = () => true;
  private settle!: () => void;
  readonly done = new Promise<void>((resolve) => (this.settle = resolve));

  constructor(private readonly form: BodyForm) {}

  head(head: AnswerHead): BodyForm {
    this.told.push(`head ${head.status}`);
    this.head_ = head;
    return this.form;
  }
  body(body: Buffer): void {
    this.whole = body;
    this.last('body');
  }
  event(data: Buffer): void {
    this.told.push(`event ${data.toString()}`);
    this.onEvent(data.toString());
  }
  piece(piece: Buffer): boolean {
    this.pieces.push(piece);
    return this.onPiece(piece);
  }
  end(): void {
    this.last('end');
  }
  fail(error: ComposerError, isUnsent: boolean): void {
    this.fault = { error, isUnsent };
    this.last('fail');
  }
  private last(what: string): void {
    this.told.push(what);
    this.settle();
  }
}

describe('WireExchange', () => {
  const opened: { close(): Promise<void> }[] = [];
  afterEach(async () => {
    for (const one of opened.splice(0).reverse()) await one.close();
  });

  async function open(answer: RequestListener): Promise<EgressPool> {
    const server: OriginServer = await originServer(answer);
    const egress: Egress = egressFor([`127.0.0.1:${server.port}`]);
    opened.push(server, egress);
    return egress.pools.open(server.url);
  }

  const send = (pool: EgressPool, recorder: Recorder): WireExchange => {
    const exchange = new WireExchange(recorder);
    pool.dispatch({ method: 'GET', path: '/', headers: [], body: null }, exchange);
    return exchange;
  };

  async function exchanged(form: BodyForm, answer: RequestListener): Promise<Recorder> {
    const recorder = new Recorder(form);
    send(await open(answer), recorder);
    await recorder.done;
    return recorder;
  }

  it('tells the head, then the whole body in one piece', async () => {
    const { told, whole, head_ } = await exchanged('whole', (_, response) => {
      response.writeHead(201, 'Made', { 'Content-Type': 'Application/JSON', 'X-Own': 'a' });
      response.write('{"a":');
      setImmediate(() => response.end('1}'));
    });
    expect(told).toEqual(['head 201', 'body']);
    expect(whole?.toString()).toBe('{"a":1}');
    expect(head_).toMatchObject({ statusText: 'Made', contentType: 'application/json', headers: { 'x-own': 'a' } });
  });

  it('gives an empty body as one', async () => {
    const { told, whole } = await exchanged('whole', (_, response) => void response.writeHead(204).end());
    expect(told).toEqual(['head 204', 'body']);
    expect(whole).toHaveLength(0);
  });

  it('tells nothing of answers that only announce another one', async () => {
    const { told } = await exchanged('whole', (_, response) => {
      response.writeProcessing();
      response.writeEarlyHints({ link: '</a>; rel=preload' });
      response.end('ok');
    });
    expect(told).toEqual(['head 200', 'body']);
  });

  it('cuts a stream into events and leaves out those without data', async () => {
    const { told } = await exchanged('events', (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('id: 1\ndata:\n\ndata: a\n\nda');
      setImmediate(() => response.end('ta: b\n\ndata: never ended'));
    });
    expect(told).toEqual(['head 200', 'event a', 'event b', 'end']);
  });

  it('gives pieces as they come, and none between one that was too much and the word to go on', async () => {
    const recorder = new Recorder('pieces');
    const chunk = Buffer.alloc(256 * 1024, 'x');
    const pool = await open((_, response) => {
      for (let i = 0; i < 16; i++) response.write(chunk);
      response.end();
    });
    let isWaiting = false;
    let tooEarly = 0;
    recorder.onPiece = () => {
      if (isWaiting) tooEarly++;
      isWaiting = true;
      setTimeout(() => {
        isWaiting = false;
        exchange.resume();
      }, 1);
      return false;
    };
    const exchange = send(pool, recorder);
    await recorder.done;
    expect(Buffer.concat(recorder.pieces)).toHaveLength(16 * chunk.length);
    expect(recorder.pieces.length).toBeGreaterThan(1);
    expect(tooEarly).toBe(0);
    expect(recorder.told).toEqual(['head 200', 'end']);
  });

  it.each(['gzip', 'br', 'GZIP', 'identity, gzip'])(
    'refuses an answer in %s, because it asked for none',
    async (coding) => {
      const { told, fault } = await exchanged('whole', (_, response) => {
        response.writeHead(200, { 'content-encoding': coding }).end('x');
      });
      expect(told).toEqual(['fail']);
      expect(fault?.error).toBeInstanceOf(EgressBadAnswerError);
      expect(fault?.isUnsent).toBe(false);
    },
  );

  it.each(['identity', 'Identity', ''])('takes "%s" for no coding', async (coding) => {
    const { told } = await exchanged('whole', (_, response) => {
      response.writeHead(200, { 'content-encoding': coding }).end('x');
    });
    expect(told).toEqual(['head 200', 'body']);
  });

  it('takes a whole body of 10 MiB and breaks off a larger one', async () => {
    const answer =
      (bytes: number): RequestListener =>
      (_, response) =>
        void response.end(Buffer.alloc(bytes));
    expect((await exchanged('whole', answer(10 * MIB))).whole).toHaveLength(10 * MIB);
    const { fault, whole } = await exchanged('whole', (_, response) => {
      response.write(Buffer.alloc(10 * MIB));
      response.end('x');
    });
    expect(fault?.error).toBeInstanceOf(EgressTooLargeError);
    expect(whole).toBeUndefined();
  });

  it('refuses a body that is announced as too large before any of it comes', async () => {
    const announce: RequestListener = (_, response) => {
      response.writeHead(200, { 'content-length': 10 * MIB + 1 }).flushHeaders();
    };
    const { fault } = await exchanged('whole', announce);
    expect(fault?.error).toBeInstanceOf(EgressTooLargeError);
  });

  it('takes what is said of a body that never comes for what it is', async () => {
    const announce: RequestListener = (_, response) => {
      response.writeHead(200, { 'content-length': 10 * MIB + 1, 'content-encoding': 'gzip' }).end();
    };
    const recorder = new Recorder('whole');
    const exchange = new WireExchange(recorder, { isBodiless: true });
    (await open(announce)).dispatch({ method: 'HEAD', path: '/', headers: [], body: null }, exchange);
    await recorder.done;
    expect(recorder.told).toEqual(['head 200', 'body']);
  });

  it('breaks off an endless stream at 50 MiB', async () => {
    let isGone = false;
    const chunk = Buffer.alloc(MIB);
    const recorder = await exchanged('pieces', (_, response) => {
      response.on('close', () => (isGone = true));
      const pour = (): void => {
        while (!isGone && response.write(chunk));
      };
      response.on('drain', pour);
      pour();
    });
    expect(recorder.fault?.error).toBeInstanceOf(EgressTooLargeError);
    expect(recorder.pieces.reduce((sum, piece) => sum + piece.length, 0)).toBeLessThanOrEqual(50 * MIB);
  });

  it('breaks off a stream of more than 10000 events, and one whose event has no end', async () => {
    const many = await exchanged('events', (_, response) => void response.end('data: x\n\n'.repeat(10_001)));
    expect(many.fault?.error).toBeInstanceOf(EgressTooLargeError);
    expect(many.told.filter((told) => told.startsWith('event'))).toHaveLength(10_000);
    const endless = await exchanged('events', (_, response) => void response.end(`data: ${'x'.repeat(2 * MIB)}`));
    expect(endless.fault?.error).toBeInstanceOf(EgressBadAnswerError);
  });

  it('tells nothing more once it was stopped, and frees the connection', async () => {
    const recorder = new Recorder('events');
    let gone!: () => void;
    const isGone = new Promise<void>((resolve) => (gone = resolve));
    const pool = await open((_, response) => {
      response.on('close', gone);
      response.write('data: a\n\ndata: b\n\n');
    });
    recorder.onEvent = () => exchange.stop();
    const exchange = send(pool, recorder);
    await isGone;
    expect(recorder.told).toEqual(['head 200', 'event a']);
  });

  it('is not sent at all when it was stopped before its turn', async () => {
    let requests = 0;
    const recorder = new Recorder('whole');
    const pool = await open((_, response) => {
      requests++;
      response.end();
    });
    send(pool, recorder).stop();
    const next = new Recorder('whole');
    send(pool, next);
    await next.done;
    expect(requests).toBe(1);
    expect(recorder.told).toEqual([]);
  });

  it('tells of a member that is not there that nothing was sent', async () => {
    const server = await originServer();
    const egress = egressFor([`127.0.0.1:${server.port}`]);
    opened.push(egress);
    await server.close();
    const recorder = new Recorder('whole');
    send(egress.pools.open(server.url), recorder);
    await recorder.done;
    expect(recorder.fault).toMatchObject({ isUnsent: true, error: expect.any(EgressUnreachableError) });
  });

  it.each([
    ['before the head', ''],
    ['in the middle of the body', 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf'],
  ])('tells of a connection that breaks %s that the request may have arrived', async (_, bytes) => {
    const server = createTcpServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.end(bytes));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const egress = egressFor([`127.0.0.1:${port}`]);
    opened.push({ close: () => new Promise((resolve) => server.close(() => resolve())) }, egress);
    const recorder = new Recorder('whole');
    send(egress.pools.open(`http://127.0.0.1:${port}`), recorder);
    await recorder.done;
    expect(recorder.fault).toMatchObject({ isUnsent: false, error: { code: 'COMPOSER_EGRESS_UNREACHABLE' } });
    expect(recorder.told.at(-1)).toBe('fail');
  });

  it.each(['whole', 'events'] as const)('tells who cannot handle the end of %s that it failed', async (form) => {
    const recorder = new Recorder(form);
    recorder.body = recorder.end = () => {
      throw new TypeError('not handled');
    };
    send(await open((_, response) => void response.end('data: a\n\n')), recorder);
    await recorder.done;
    expect(recorder.fault).toMatchObject({ isUnsent: false, error: { status: 500 } });
  });
});
