import { isObject } from '#kernel';

/** What of a session the endpoint forgets with it, under what it is replaced by: a URI, or the level of the log. */
const MAX_KEPT = 200;

/**
 * The session of the one client, once it has initialized. Sessions have an end, of which a client over stdio knows
 * nothing: what is needed to open another one in its place is kept.
 */
export class OwnSession {
  /** Requests that the next session has to hear too. */
  private readonly kept = new Map<string, Buffer>();

  constructor(
    readonly id: string,
    readonly version: string,
    /** The request that has opened it. */
    readonly initialize: Buffer,
  ) {}

  get headers(): Readonly<Record<string, string>> {
    return { 'mcp-session-id': this.id, 'mcp-protocol-version': this.version };
  }

  /** The next one in its place. */
  as(id: string): OwnSession {
    const next = new OwnSession(id, this.version, this.initialize);
    for (const [key, request] of this.kept) next.kept.set(key, request);
    return next;
  }

  /** Requests of the client that the endpoint remembers no longer than the session. */
  get requests(): readonly Buffer[] {
    return [...this.kept.values()];
  }

  /** A request that the endpoint has taken. */
  noteTaken(method: string, params: Readonly<Record<string, unknown>>, request: Buffer): void {
    if (method === 'logging/setLevel') this.kept.set(method, request);
    const { uri } = params;
    if (method === 'resources/unsubscribe') this.kept.delete(`uri ${String(uri)}`);
    if (method === 'resources/subscribe' && this.kept.size < MAX_KEPT) this.kept.set(`uri ${String(uri)}`, request);
  }
}

/** The revision in the answer to `initialize`; undefined if it was refused. */
export function agreedIn(answer: Buffer): string | undefined {
  const message: unknown = JSON.parse(answer.toString('utf8'));
  const result = isObject(message) ? message['result'] : undefined;
  const version = isObject(result) ? result['protocolVersion'] : undefined;
  return typeof version === 'string' ? version : undefined;
}
