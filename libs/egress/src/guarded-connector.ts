import { buildConnector } from 'undici';
import type { Destination, EgressGuard } from './egress-guard.js';

export const CONNECT_LIMIT_MS = 3_000;

/** Explicit, so that no environment variable (NODE_TLS_REJECT_UNAUTHORIZED) can loosen it. */
export const TLS_RULES = { rejectUnauthorized: true, minVersion: 'TLSv1.2' } as const;

/** undici's `connect` for one origin: every new socket is judged, literal or name. TCP and TLS share 3 s. */
export function guardedConnector(guard: EgressGuard, destination: Destination): buildConnector.connector {
  const connect = buildConnector({
    ...TLS_RULES,
    timeout: CONNECT_LIMIT_MS,
    lookup: guard.lookupFor(destination),
    autoSelectFamily: true,
    maxCachedSessions: 10,
  });
  return (options, callback) => {
    try {
      guard.admit({ ...destination, host: options.hostname });
    } catch (error) {
      // undici does not expect its connector to answer before it returns.
      queueMicrotask(() => callback(error as Error, null));
      return;
    }
    connect(options, callback);
  };
}
