import * as http from 'node:http';
import * as https from 'node:https';
import type { Duplex } from 'node:stream';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { EgressGuard } from './egress-guard.js';
import { EgressUnreachableError } from './egress.errors.js';
import { CONNECT_LIMIT_MS, TLS_RULES } from './guarded-connector.js';

type Callback = (error: Error | null, stream: Duplex) => void;
type Connect = (options: http.ClientRequestArgs) => Duplex | null | undefined;

const LIMITS = {
  keepAlive: true,
  maxSockets: 32,
  maxTotalSockets: 256,
  maxFreeSockets: 16,
  scheduling: 'lifo',
} as const;

/** Node's HTTP agents for the control plane. They open no socket that the guard has not judged. */
@Injectable()
export class GuardedAgents implements OnApplicationShutdown {
  readonly http: http.Agent;
  readonly https: https.Agent;

  constructor(guard: EgressGuard) {
    this.http = new GuardedHttpAgent(guard);
    this.https = new GuardedHttpsAgent(guard);
  }

  onApplicationShutdown(): void {
    this.http.destroy();
    this.https.destroy();
  }
}

class GuardedHttpAgent extends http.Agent {
  constructor(private readonly guard: EgressGuard) {
    super(LIMITS);
  }

  override createConnection(options: http.ClientRequestArgs, callback: Callback): Duplex | null | undefined {
    const connect: Connect = (guarded) => super.createConnection(guarded, callback);
    return connectGuarded(this.guard, { options, secure: false, connect, callback });
  }
}

class GuardedHttpsAgent extends https.Agent {
  constructor(private readonly guard: EgressGuard) {
    super({ ...LIMITS, ...TLS_RULES, maxCachedSessions: 100 });
  }

  override createConnection(options: http.ClientRequestArgs, callback: Callback): Duplex | null | undefined {
    const connect: Connect = (guarded) => super.createConnection(guarded, callback);
    return connectGuarded(this.guard, { options, secure: true, connect, callback });
  }
}

interface Connection {
  readonly options: http.ClientRequestArgs;
  readonly secure: boolean;
  readonly connect: Connect;
  readonly callback: Callback;
}

function connectGuarded(
  guard: EgressGuard,
  { options, secure, connect, callback }: Connection,
): Duplex | null | undefined {
  const destination = { host: String(options.host), port: Number(options.port), secure };
  try {
    guard.admit(destination);
  } catch (error) {
    // Not thrown: the agent may be opening this socket long after the request was made, where nobody catches.
    queueMicrotask(() => (callback as (error: unknown) => void)(error));
    return undefined;
  }
  const guarded = { ...options, lookup: guard.lookupFor(destination), autoSelectFamily: true };
  const socket = connect(guarded);
  if (socket) limitConnect(socket, secure);
  return socket;
}

function limitConnect(socket: Duplex, secure: boolean): void {
  const timer = setTimeout(() => {
    socket.destroy(new EgressUnreachableError(`no connection within ${CONNECT_LIMIT_MS} ms`, true));
  }, CONNECT_LIMIT_MS);
  const stop = (): void => clearTimeout(timer);
  socket.once(secure ? 'secureConnect' : 'connect', stop);
  socket.once('close', stop);
}
