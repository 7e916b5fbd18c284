import { type ClientRequest, type IncomingHttpHeaders, type Server, request } from 'node:http';
import { duplexPair } from 'node:stream';

/** One request of this process to itself. */
export interface OwnRequest {
  readonly method: 'POST' | 'GET' | 'DELETE';
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

/**
 * Sends requests to a server of this process over a connection that exists in memory alone: nothing is listened on, so
 * nobody else can come in by the same way. One connection for each request.
 */
export function inProcess(server: Server): (ask: OwnRequest) => ClientRequest {
  return (ask) =>
    request({
      ...ask,
      createConnection: () => {
        const [near, far] = duplexPair();
        // Whoever gives up first leaves the other side with an error that tells nothing new.
        near.on('error', () => far.destroy());
        far.on('error', () => near.destroy());
        near.on('close', () => far.destroy());
        far.on('close', () => near.destroy());
        server.emit('connection', far);
        return near;
      },
    });
}
