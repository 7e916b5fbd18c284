import { type IncomingMessage, type Server, type ServerResponse, createServer, request } from 'node:http';
import { type AddressInfo, type Socket, connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { HttpReply, type ReplyOptions } from './http-reply.js';

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

describe('HttpReply', () => {
  let server: Server;
  let serve: (response: ServerResponse) => void;

  beforeEach(async () => {
    server = createServer((_, response) => serve(response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const portOf = () => (server.address() as AddressInfo).port;
  const OPTIONS: ReplyOptions = {
    era: 'legacy',
    id: Buffer.from('"a\\u0062"'),
    takesEvents: true,
    isToolCall: true,
  };

  /** What arrives of what `write` writes, on a real connection. */
  function answered(write: (reply: HttpReply) => void, options: Partial<ReplyOptions> = {}): Promise<Answer> {
    serve = (response) => write(new HttpReply(response, { ...OPTIONS, ...options }));
    return ask();
  }

  function ask(): Promise<Answer> {
    return new Promise((resolve, reject) => {
      request({ port: portOf(), agent: false }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const { statusCode = 0, headers } = response;
          resolve({ status: statusCode, headers, text: Buffer.concat(chunks).toString() });
        });
      })
        .on('error', reject)
        .end();
    });
  }

  /** Leaves as soon as the server has the request; gives the response once it knows. */
  async function abandoned(before: (reply: HttpReply, response: ServerResponse) => void = () => undefined) {
    let socket!: Socket;
    const reply = await new Promise<HttpReply>((resolve) => {
      serve = (response) => {
        const one = new HttpReply(response, OPTIONS);
        before(one, response);
        response.once('close', () => resolve(one));
        socket.destroy();
      };
      socket = connect(portOf(), '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n'));
    });
    return reply;
  }

  describe('that fails late', () => {
    const failed = (reply: HttpReply) => reply.failed('it broke', 'COMPOSER_ANY');

    it('carries the failure as the last event of a stream that is open, and ends it', async () => {
      const { status, headers, text } = await answered((reply) => {
        reply.openStream();
        reply.event([Buffer.from('{"jsonrpc":"2.0","method":"notifications/progress"}')]);
        failed(reply);
      });
      expect({ status, type: headers['content-type'] }).toEqual({ status: 200, type: 'text/event-stream' });
      const [, last, ...more] = text.split('\n\n').map((event) => event.split('data: ')[1]);
      expect(JSON.parse(last!)).toMatchObject({ result: { isError: true, content: [{ text: 'it broke' }] } });
      expect(more).toEqual([undefined]);
    });

    it.each<[string, (reply: HttpReply) => void]>([
      ['a second message', (reply) => failed(reply)],
      ['a stream', (reply) => reply.openStream()],
      ['an event', (reply) => reply.event([Buffer.from('{}')])],
      ['a piece', (reply) => void reply.piece(Buffer.from('x'))],
      ['an end', (reply) => reply.endStream()],
      ['an empty answer', (reply) => reply.empty(202)],
    ])('writes nothing after the answer: not %s', async (_, more) => {
      const { text } = await answered((reply) => {
        reply.result({ once: true });
        more(reply);
      });
      expect(JSON.parse(text)).toMatchObject({ result: { once: true } });
    });
  });

  describe('with one message', () => {
    it('announces its length in bytes and its type', async () => {
      const parts = ['{"é":', '"ü', '€"}'].map((text) => Buffer.from(text));
      const { status, headers, text } = await answered((reply) => reply.message(parts, 202));
      expect(status).toBe(202);
      expect(text).toBe('{"é":"ü€"}');
      expect(headers).toMatchObject({ 'content-type': 'application/json', 'content-length': '14' });
      expect(headers['transfer-encoding']).toBeUndefined();
    });

    it('repeats the id as the caller wrote it', async () => {
      const { text } = await answered((reply) => reply.result({ content: [] }));
      expect(text).toBe('{"jsonrpc":"2.0","id":"a\\u0062","result":{"content":[]}}');
    });

    it('says in the modern era who answers and that the result is complete, and loses no _meta', async () => {
      const { text } = await answered((reply) => reply.result({ content: [], _meta: { own: 1 } }), { era: 'modern' });
      const { result } = JSON.parse(text) as { result: { _meta: object } };
      expect(result).toMatchObject({ resultType: 'complete', content: [], _meta: { own: 1 } });
      expect(result._meta).toHaveProperty(['io.modelcontextprotocol/serverInfo']);
    });

    it('leaves a result that is not complete as it says', async () => {
      const { text } = await answered((reply) => reply.result({ resultType: 'input_required' }), { era: 'modern' });
      expect(JSON.parse(text)).toMatchObject({ result: { resultType: 'input_required' } });
    });

    it('makes a tool error a result that says so', async () => {
      const { status, text } = await answered((reply) => reply.failed('it failed', 'COMPOSER_ANY'));
      expect(status).toBe(200);
      expect(JSON.parse(text)).toMatchObject({
        result: { isError: true, content: [{ type: 'text', text: 'it failed' }] },
      });
    });

    it('makes the failure of anything but a tool a protocol error that says so', async () => {
      const { status, text } = await answered((reply) => reply.failed('it failed', 'COMPOSER_ANY'), {
        isToolCall: false,
      });
      expect(status).toBe(200);
      const error = { code: -32603, message: 'it failed', data: { code: 'COMPOSER_ANY' } };
      expect(JSON.parse(text)).toEqual({ jsonrpc: '2.0', id: 'ab', error });
    });

    it.each([
      ['legacy', -32601, 200],
      ['modern', -32601, 404],
      ['modern', -32602, 200],
    ] as const)('carries a protocol error of the %s era %s under HTTP status %s', async (era, code, wanted) => {
      const { status, text } = await answered((reply) => reply.protocolError(code, 'no', { why: 1 }), { era });
      expect(status).toBe(wanted);
      expect(JSON.parse(text)).toEqual({ jsonrpc: '2.0', id: 'ab', error: { code, message: 'no', data: { why: 1 } } });
    });

    it('gives an error no id where the request had none that could be read', async () => {
      serve = (response) =>
        new HttpReply(response, { era: 'legacy', takesEvents: false }).error(400, { code: -32700, message: 'no' });
      const { text } = await ask();
      expect(text).toBe('{"jsonrpc":"2.0","error":{"code":-32700,"message":"no"}}');
    });

    it('answers without a message where there is none', async () => {
      const { status, headers, text } = await answered((reply) => reply.empty(405, ['allow', 'POST']));
      expect({ status, text }).toEqual({ status: 405, text: '' });
      expect(headers).toMatchObject({ allow: 'POST', 'content-length': '0' });
    });
  });

  describe('with a stream', () => {
    it('sends events that no proxy may hold back', async () => {
      const { status, headers, text } = await answered((reply) => {
        reply.openStream();
        reply.event([Buffer.from('{"a":'), Buffer.from('1}')]);
        reply.keepAlive();
        reply.event([Buffer.from('{}')]);
        reply.endStream();
      });
      expect(status).toBe(200);
      expect(headers).toMatchObject({
        'content-type': 'text/event-stream',
        'cache-control': 'no-cache, no-transform',
        'x-accel-buffering': 'no',
      });
      expect(text).toBe('event: message\ndata: {"a":1}\n\n: keep-alive\n\nevent: message\ndata: {}\n\n');
    });

    it('keeps the data of an event on one line, whatever line ends its JSON has', async () => {
      const json = '{\r\n  "a":\n1,\r"b": "x\\ny"}';
      const { text } = await answered((reply) => {
        reply.openStream();
        reply.event([Buffer.from(json)]);
        reply.endStream();
      });
      const data = /^event: message\ndata: ([^\r\n]*)\n\n$/.exec(text)?.[1];
      expect(JSON.parse(data!)).toEqual({ a: 1, b: 'x\ny' });
    });

    it('shows its head before there is an event', async () => {
      serve = (response) => new HttpReply(response, OPTIONS).openStream();
      const head = await new Promise<string>((resolve) => {
        const socket = connect(portOf(), '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n'));
        socket.once('data', (chunk) => resolve(chunk.toString()));
      });
      expect(head).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    });

    it('frees the connection of a request that gets no answer', async () => {
      const { status, text } = await answered((reply) => reply.endUnanswered());
      expect({ status, text }).toEqual({ status: 200, text: '' });
      const begun = await answered((reply) => {
        reply.openStream();
        reply.event([Buffer.from('{}')]);
        reply.endUnanswered();
      });
      expect(begun.text).toBe('event: message\ndata: {}\n\n');
    });

    it('passes pieces on as they are, and tells when to wait and when to go on', async () => {
      const piece = Buffer.alloc(1024 * 1024, 'x');
      let resumed = 0;
      const { text } = await answered((reply) => {
        reply.openStream();
        let left = 20;
        const pour = (): void => {
          while (left > 0) {
            left--;
            if (!reply.piece(piece)) return;
          }
          reply.endStream();
        };
        reply.onDrain(() => {
          resumed++;
          pour();
        });
        pour();
      });
      expect(text).toHaveLength(20 * piece.length);
      expect(resumed).toBeGreaterThan(0);
    });

    it('cuts off a reader that lets more than 16 MiB wait', async () => {
      const event = Buffer.alloc(1024 * 1024, '1');
      let events = 0;
      const closed = new Promise<void>((resolve) => {
        serve = (response) => {
          const reply = new HttpReply(response, OPTIONS);
          response.once('close', resolve);
          reply.openStream();
          while (!response.destroyed && events < 200) {
            events++;
            reply.event([event]);
          }
        };
      });
      const socket = connect(portOf(), '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n'));
      socket.on('error', () => undefined).pause();
      await closed;
      socket.destroy();
      expect(events).toBeGreaterThan(16);
      expect(events).toBeLessThan(25);
    });
  });

  describe('to a caller that has gone', () => {
    it('writes nothing, keeps nobody waiting, and throws nothing', async () => {
      const reply = await abandoned();
      expect(() => {
        reply.openStream();
        reply.event([Buffer.from('{}')]);
        reply.keepAlive();
        reply.endStream();
        reply.empty(202);
        reply.result({});
        reply.endUnanswered();
      }).not.toThrow();
      expect(reply.piece(Buffer.from('x'))).toBe(true);
    });

    it('tells that it was abandoned, and lets whoever waits for it go on', async () => {
      const [left, resume] = [jest.fn(), jest.fn()];
      await abandoned((reply) => {
        reply.onAbandoned(left);
        reply.onDrain(resume);
      });
      expect(left).toHaveBeenCalledTimes(1);
      expect(resume).toHaveBeenCalledTimes(1);
    });

    it('still notes that the answer was given', async () => {
      const done = jest.fn();
      const reply = await abandoned((one) => one.onAnswered(done));
      expect(done).not.toHaveBeenCalled();
      reply.result({});
      expect(done).toHaveBeenCalledTimes(1);
    });
  });

  it('does not take a complete answer for an abandoned one', async () => {
    const left = jest.fn();
    const closed = new Promise<void>((resolve) => server.on('connection', (socket) => socket.once('close', resolve)));
    await answered((reply) => {
      reply.onAbandoned(left);
      reply.result({});
    });
    await closed;
    expect(left).not.toHaveBeenCalled();
  });

  it.each([
    ['a message', (reply: HttpReply) => reply.result({})],
    ['the end of a stream', (reply: HttpReply) => (reply.openStream(), reply.endStream())],
    ['no answer', (reply: HttpReply) => reply.endUnanswered()],
  ])('notes %s as the answer, also for who asks late', async (_, write) => {
    const [early, late] = [jest.fn(), jest.fn()];
    await answered((reply) => {
      reply.onAnswered(early);
      write(reply);
      reply.onAnswered(late);
    });
    expect(early).toHaveBeenCalledTimes(1);
    expect(late).toHaveBeenCalledTimes(1);
  });
});
