import type { IncomingHttpHeaders } from 'node:http';
import type { EgressPool } from '#egress';
import { isObject } from '#kernel';
import { MemberTimeoutError } from '../builder.errors.js';
import type { Deadlines } from '../wire/deadlines.js';
import type { HeaderList } from '../wire/request-head.js';
import { type AnswerHead, type BodyForm, WireExchange, pageOf } from '../wire/wire-exchange.js';
import { type MemberMessage, readMemberMessage } from './member-message.js';

export interface ControlAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly contentType: string;
  /** Of a redirect. */
  readonly location?: string;
  /** Of a refusal. */
  readonly challenge?: string;
  /** The beginning of a page. */
  readonly page?: string;
  /** The credential was not taken. */
  readonly isRefusal?: boolean;
  /** The beginning of a body that is no event stream. */
  readonly text: string;
  /** The JSON-RPC response, decoded and as it came; absent if there was none. */
  readonly response?: { readonly value: Record<string, unknown>; readonly raw: Buffer };
}

export interface ControlRequest {
  readonly method: 'POST' | 'DELETE';
  readonly path: string;
  readonly headers: HeaderList;
  readonly body: Buffer | null;
  readonly timeoutMs: number;
  /** Told what the member asks before it answers. */
  readonly onRequest?: (message: MemberMessage) => void;
}

const MAX_TEXT = 1024;

/**
 * One request that the composer makes of its own accord (handshake, lists, cancellation), off the path of tool calls.
 * Takes the response out of a JSON answer or of an event stream, and does not wait for the stream to end.
 */
export function sendControl(pool: EgressPool, deadlines: Deadlines, request: ControlRequest): Promise<ControlAnswer> {
  const { method, path, headers, body, timeoutMs } = request;
  return new Promise((resolve, reject) => {
    let head: AnswerHead | undefined;
    const settle = (act: () => void) => {
      clear();
      act();
    };
    const answer = (raw?: Buffer) => {
      const value = raw === undefined ? undefined : decoded(raw);
      const response = raw && value ? { response: { value, raw } } : {};
      settle(() => resolve({ ...head!, ...pageOf(head!, raw), ...response, text: raw ? textOf(raw) : '' }));
    };
    const asked = (raw: Buffer) => {
      try {
        const message = readMemberMessage(raw);
        if (message.kind === 'request') request.onRequest?.(message);
      } catch {
        // It cannot be told what it was to say.
      }
    };
    const exchange = new WireExchange({
      head(answerHead): BodyForm {
        head = answerHead;
        return head.contentType.startsWith('text/event-stream') ? 'events' : 'whole';
      },
      event(data) {
        const value = decoded(data);
        if (!value) return;
        if ('method' in value) return asked(data);
        answer(data);
        exchange.stop();
      },
      body: (raw) => answer(raw.length > 0 ? raw : undefined),
      end: () => answer(),
      fail: (error) => settle(() => reject(error)),
    });
    const clear = deadlines.add(timeoutMs, () => {
      exchange.stop();
      reject(new MemberTimeoutError(Math.ceil(timeoutMs / 1000)));
    });
    pool.dispatch({ method, path, headers, body }, exchange);
  });
}

/** Of a body, as much as is looked at for what it says. */
export const textOf = (body: Buffer): string => body.toString('utf8', 0, MAX_TEXT);

/** The message as it is, or undefined for what is no JSON-RPC 2.0 message. */
export function decoded(raw: Buffer): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(raw.toString('utf8'));
    return isObject(value) && value['jsonrpc'] === '2.0' ? value : undefined;
  } catch {
    return undefined;
  }
}
