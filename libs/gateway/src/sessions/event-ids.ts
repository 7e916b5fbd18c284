import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { sessionKey } from './session-key.js';
import { SessionSeal } from './session-seal.js';

/** The stream on which a request is answered. */
export interface CallStream {
  readonly stream: string;
  /** The process that answers the request. */
  readonly owner: string;
  /** The request's id as JSON text; absent if it is too long to be kept. */
  readonly requestId?: string;
}

/** How far the client has come on the stream of a call. */
export interface CallMark extends CallStream {
  readonly kind: 'call';
  /** Number of the last event that it has; absent: it was told that there is no more. */
  readonly after?: number;
}

/** What the client has seen while it was told what it had not asked for. */
export interface ListeningMark {
  readonly kind: 'listening';
  /** What the lists were like. */
  readonly seen: string;
}

/** What an event id says: which stream, and how far its client has come. */
export type EventMark = CallMark | ListeningMark;

const OVER = 'over';
const MAX_REQUEST_ID = 256;
const content = z.discriminatedUnion('k', [
  z.strictObject({ k: z.literal('call'), s: z.string(), w: z.string(), o: z.string(), r: z.string().optional() }),
  z.strictObject({ k: z.literal('listening'), s: z.string() }),
]);

/**
 * Ids of events (2025-11-25, transports, resumability). The stream is sealed into them together with the session, so that
 * an id is good for nothing but its own stream, in its own session; how far its client has come stands behind that, for
 * everybody to read, because whoever alters it deceives itself.
 */
@Injectable()
export class EventIds {
  constructor(private readonly seal: SessionSeal) {}

  /** What every id on the stream of a call begins with. */
  ofCall(sessionId: string, { stream, owner, requestId }: CallStream): string {
    const id = requestId !== undefined && requestId.length <= MAX_REQUEST_ID ? { r: requestId } : {};
    return this.prefixOf({ k: 'call', s: sessionKey(sessionId), w: stream, o: owner, ...id });
  }

  /** The id of the last thing there is to say on such a stream. */
  overOf(sessionId: string, stream: CallStream): string {
    return this.ofCall(sessionId, stream) + OVER;
  }

  /** What every id on the stream begins with that is open while nothing is asked. */
  ofListening(sessionId: string): string {
    return this.prefixOf({ k: 'listening', s: sessionKey(sessionId) });
  }

  /** Undefined for everything that was not given out in this session. */
  read(id: string, sessionId: string): EventMark | undefined {
    const at = id.lastIndexOf('.');
    const sealed = at > 0 ? this.seal.open(id.slice(0, at)) : undefined;
    const facts = sealed === undefined ? undefined : content.safeParse(JSON.parse(sealed)).data;
    if (!facts || facts.s !== sessionKey(sessionId)) return undefined;
    const rest = id.slice(at + 1);
    if (facts.k === 'listening') return { kind: 'listening', seen: rest };
    const isNumber = /^\d{1,9}$/.test(rest);
    if (!isNumber && rest !== OVER) return undefined;
    const { w: stream, o: owner, r: requestId } = facts;
    return {
      kind: 'call',
      stream,
      owner,
      ...(requestId === undefined ? {} : { requestId }),
      ...(isNumber ? { after: Number(rest) } : {}),
    };
  }

  private prefixOf(facts: z.infer<typeof content>): string {
    return `${this.seal.seal(JSON.stringify(facts))}.`;
  }
}
