import { once } from 'node:events';
import type { RequestListener, ServerResponse } from 'node:http';
import { type AddressInfo, type Socket, connect } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { DrainingServer } from './draining-server.js';

const KEEP_ALIVE = 'GET / HTTP/1.1\r\nhost: any\r\n\r\n';
const FAR_AWAY = 3_600_000;

const sockets: Socket[] = [];

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

describe('closing a draining server', () => {
  it('ends a connection that has not asked anything', async () => {
    const server = await listening(() => undefined);
    const accepted = once(server, 'connection');
    const client = await connected(server);
    await accepted;
    await closed(server);
    await once(client.resume(), 'close');
  });

  it('finishes a request that is under way, then ends its connection, kept alive or not', async () => {
    const responses: ServerResponse[] = [];
    const server = await listening((_request, response) => responses.push(response));
    const client = await connected(server);
    const asked = once(server, 'request');
    client.write(KEEP_ALIVE);
    await asked;
    const end = closed(server);
    await expect(Promise.race([end, Promise.resolve('still open')])).resolves.toBe('still open');
    responses[0]?.end('finished');
    expect(await textOf(client)).toContain('finished');
    await end;
  });

  it('waits for the last of several requests', async () => {
    const responses: ServerResponse[] = [];
    const server = await listening((_request, response) => responses.push(response));
    const clients = [await connected(server), await connected(server)];
    for (const client of clients) {
      const asked = once(server, 'request');
      client.write(KEEP_ALIVE);
      await asked;
    }
    const end = closed(server);
    responses[0]?.end('first');
    expect(await Promise.race([textOf(clients[1]!), once(clients[0]!, 'data').then(() => 'the first one')])).toBe(
      'the first one',
    );
    responses[1]?.end('second');
    expect(await textOf(clients[1]!)).toContain('second');
    await end;
  });

  it('cuts a request that takes longer than the bound', async () => {
    const server = await listening(() => undefined, 50);
    const client = await connected(server);
    const asked = once(server, 'request');
    client.write(KEEP_ALIVE);
    await asked;
    await closed(server);
    expect(await textOf(client)).toBe('');
  });
});

async function listening(listener: RequestListener, drainTimeout = FAR_AWAY): Promise<DrainingServer> {
  const server = new DrainingServer({ drainTimeout }, listener);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return server;
}

async function connected(server: DrainingServer): Promise<Socket> {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  sockets.push(socket);
  socket.on('error', () => undefined); // being cut is what some of these tests are about
  await once(socket, 'connect');
  return socket;
}

const closed = (server: DrainingServer): Promise<unknown> => new Promise((resolve) => server.close(resolve));

async function textOf(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(socket, 'close');
  return Buffer.concat(chunks).toString('utf8');
}
