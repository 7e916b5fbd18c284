import { createServer, type Server, type ServerResponse } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { writeEvent, writeKeepAlive } from './event-writer.js';

const PIECE = Buffer.alloc(1024 * 1024, 'x');
/** More than the system takes for a reader that does not read. */
const PIECES = 14;

describe('a stream to a reader that does not read', () => {
  let server: Server;
  let reader: Socket;
  let response: ServerResponse;

  beforeEach(async () => {
    const asked = new Promise<ServerResponse>((resolve) => {
      server = createServer((_, answer) => resolve(answer)).listen(0, '127.0.0.1', () => {
        reader = connect((server.address() as AddressInfo).port, '127.0.0.1').pause();
        reader.on('error', () => undefined);
        reader.write('GET / HTTP/1.1\r\nhost: here\r\n\r\n');
      });
    });
    response = await asked;
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
  });
  afterEach(() => {
    reader.destroy();
    server.close();
  });
  const fill = async () => {
    for (let n = 0; n < PIECES; n++) writeEvent(response, PIECE);
    await pause(200);
    expect(response.writableLength).toBeGreaterThan(0);
  };

  it('is closed when it has taken nothing from one comment to the next', async () => {
    await fill();
    const closed = new Promise((resolve) => response.once('close', resolve));
    writeKeepAlive(response);
    expect(response.destroyed).toBe(false);
    writeKeepAlive(response);
    await closed;
    expect(response.destroyed).toBe(true);
  });

  it('goes on while it takes something now and then, and while nothing waits', async () => {
    for (let n = 0; n < 5; n++) {
      writeKeepAlive(response);
      await pause(5);
    }
    expect(response.destroyed).toBe(false);
    await fill();
    writeKeepAlive(response);
    const before = response.writableLength;
    reader.resume();
    while (response.writableLength >= before) await new Promise(setImmediate);
    reader.pause();
    writeKeepAlive(response);
    expect(response.destroyed).toBe(false);
  });
});
