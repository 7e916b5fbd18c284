import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type BodyOutcome, MAX_BODY_BYTES, readBody } from './request-body.js';

describe('readBody', () => {
  let server: Server;
  let outcomes: BodyOutcome[];
  let first: Promise<BodyOutcome>;

  beforeEach(async () => {
    outcomes = [];
    first = new Promise((resolve) => {
      server = createServer((request, response) => {
        readBody(request, (outcome) => {
          outcomes.push(outcome);
          resolve(outcome);
          response.end();
        });
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  /** Sends raw bytes, and waits until the server has closed the connection or we have. */
  async function send(pieces: readonly (string | Buffer)[], { thenLeave = false } = {}): Promise<void> {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    socket.on('error', () => undefined).resume();
    for (const piece of pieces) socket.write(piece);
    if (thenLeave) socket.end(() => socket.destroy());
    await first;
    socket.destroy();
    await new Promise((resolve) => setImmediate(resolve));
  }

  const head = (header: string) => `POST / HTTP/1.1\r\nhost: a\r\n${header}\r\n\r\n`;
  const chunk = (bytes: Buffer) =>
    Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]);

  it('gives the whole body, in however many pieces it came', async () => {
    await send([head('content-length: 6'), 'ab', 'cd', 'ef']);
    expect(outcomes.map((outcome) => 'body' in outcome && outcome.body.toString())).toEqual(['abcdef']);
  });

  it('says of a sender who had gone before that there is no body', async () => {
    const late = new Promise<BodyOutcome>((resolve) => {
      server.removeAllListeners('request').once('request', (request: IncomingMessage, response: ServerResponse) => {
        response.once('close', () => readBody(request, resolve));
        socket.destroy();
      });
    });
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    socket.on('error', () => undefined).write(`${head('content-length: 2')}{}`);
    expect(await late).toEqual({ refused: 'aborted' });
  });

  it('gives an empty body as one', async () => {
    await send([head('content-length: 0')]);
    expect(outcomes).toEqual([{ body: Buffer.alloc(0) }]);
  });

  it('takes a body of exactly the limit', async () => {
    await send([head(`content-length: ${MAX_BODY_BYTES}`), Buffer.alloc(MAX_BODY_BYTES, 'x')]);
    expect(outcomes.map((outcome) => 'body' in outcome && outcome.body.length)).toEqual([MAX_BODY_BYTES]);
  });

  it('refuses a body that announces more before any of it has come', async () => {
    await send([head(`content-length: ${MAX_BODY_BYTES + 1}`)]);
    expect(outcomes).toEqual([{ refused: 'too-large' }]);
  });

  it('refuses a body that grows beyond the limit without having announced it, once', async () => {
    const part = chunk(Buffer.alloc(MAX_BODY_BYTES / 2 + 1, 'x'));
    await send([head('transfer-encoding: chunked'), part, part, part, '0\r\n\r\n']);
    expect(outcomes).toEqual([{ refused: 'too-large' }]);
  });

  it('tells that the caller left before the body was complete', async () => {
    await send([head('content-length: 100'), 'half'], { thenLeave: true });
    expect(outcomes).toEqual([{ refused: 'aborted' }]);
  });
});
